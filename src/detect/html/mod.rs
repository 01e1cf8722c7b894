//! Markup and script: would this value, put into a page, run something there? It is read as text (tags and their
//! attributes), as the inside of an attribute (a quote that ends it, a handler behind it), as a URL (a scheme that is
//! script) and as the inside of a script (a call that only an intruder makes). Tags that only lay out text are nothing.
//!
//! Steps: at most 6 for each byte.

mod attribute;
mod script;
mod tag;
mod wakes;

use super::context::{Context, Strength};
use super::finding::Finding;
use super::{Classes, Detector, Wake};
use crate::canon::cursor;
use crate::flow::{Found, Fuel, Part, Place, Weight};

/// The registered detector.
pub(super) static HTML: Html = Html;

/// Looks for markup that runs, and for script.
#[derive(Debug)]
pub(super) struct Html;

const NAME: &str = "html";

/// The shortest word that means something without a mark: `XMLHttpRequest`.
const SHORTEST_WORD: usize = 14;

impl Detector for Html {
    fn name(&self) -> &'static str {
        NAME
    }

    fn wakes(&self) -> Wake {
        Wake { literals: wakes::LITERALS, bytes: &["<", "[]()", "[]+", "'+()", "\"+()", "=>()"] }
    }

    fn is_worth(&self, part: &Part<'_>, _: Classes) -> bool {
        let bytes = part.canonical.as_ref();
        tag::may_begin(bytes)
            || handler_parameter(part).is_some()
            || script::may_join(bytes)
            || script::may_be_punctuation(bytes)
    }

    fn inspect(&self, part: &Part<'_>, found: &mut Found, fuel: &mut Fuel) {
        let bytes = part.canonical.as_ref();
        let word = bytes.len() < SHORTEST_WORD && bytes.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_');
        if part.place == Place::BodyOpaque || fuel.spend(6 * bytes.len()).is_err() {
            return;
        }
        let read = if word { None } else { strongest(bytes) };
        let Some(best) = read.or_else(|| handler_parameter(part)) else { return };
        let named = matches!(part.place, Place::CookieName | Place::FormName | Place::QueryName | Place::HeaderName);
        let strength =
            if named || is_own_markup(part, &best) { best.strength.max(Strength::Strong) } else { best.strength };
        let clear = best.strength == Strength::Strong && best.name != "html-script-page";
        let clear = clear && Context::of(part) != Context::File;
        let strength = if clear || opens_with_script(part) { Strength::Certain } else { strength };
        if best.strength == Strength::Certain && best.name == "html-script-hidden" && best.end - best.at == bytes.len()
        {
            // All of the value is a program, however many lines it has.
            return best.report_weighing(Weight::CERTAIN, NAME, part, found);
        }
        Finding { strength, ..best }.report(NAME, part, found);
    }
}

/// Places whose values are no pages: markup that does something has no business there, and need not be read to its end.
fn is_argument(place: Place) -> bool {
    matches!(
        place,
        Place::QueryValue
            | Place::Query
            | Place::CookieValue
            | Place::HeaderValue
            | Place::Path
            | Place::PathSegment
            | Place::XmlAttribute
    )
}

fn is_own_markup(part: &Part<'_>, finding: &Finding) -> bool {
    is_argument(part.place) && finding.name == "html-active-tag"
}

/// A value that begins a script: what follows need not be understood.
fn opens_with_script(part: &Part<'_>) -> bool {
    let form = part.place == Place::FormValue;
    (form || is_argument(part.place)) && cursor::starts_with(part.canonical.trim_ascii_start(), b"<script")
}

/// `onfocus=;f(x)` as a parameter: its name is the handler, its value the call.
fn handler_parameter(part: &Part<'_>) -> Option<Finding> {
    let calls = part.canonical.contains(&b'(') && part.canonical.len() <= 256;
    let named = matches!(part.place, Place::QueryValue | Place::FormValue | Place::CookieValue | Place::HeaderValue);
    (calls && named && attribute::is_event(&part.name)).then_some(Finding {
        strength: Strength::Strong,
        name: "html-event-handler",
        at: 0,
        end: part.canonical.len(),
    })
}

fn strongest(bytes: &[u8]) -> Option<Finding> {
    let mut best = None;
    for read in [tag::find, attribute::find_breakout, script::find_url, script::find, stripped] {
        let finding = read(bytes);
        if finding.is_some_and(|f| f.strength == Strength::Certain) {
            return finding;
        }
        best = stronger(best, finding);
    }
    best
}

/// What is left when a filter takes out the short tags that stand inside of words: `on<x>focus=`.
fn stripped(bytes: &[u8]) -> Option<Finding> {
    if bytes.len() > 512 {
        return None;
    }
    let behind_word = |at: usize| at.checked_sub(1).and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_alphanumeric);
    memchr::memchr_iter(b'<', bytes).find(|at| behind_word(*at))?;
    let mut text = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, tail)) = rest.split_first() {
        let inside = *first == b'<' && text.last().is_some_and(u8::is_ascii_alphanumeric);
        let end = memchr::memchr(b'>', rest).filter(|end| inside && *end <= 4);
        if let Some(end) = end {
            rest = rest.get(end + 1..).unwrap_or_default();
        } else {
            text.push(*first);
            rest = tail;
        }
    }
    if text.len() == bytes.len() {
        return None;
    }
    let found = stronger(attribute::find_breakout(&text), script::find(&text))?;
    Some(Finding { at: 0, end: bytes.len(), ..found })
}

/// The clearer of two, the first if they are alike.
fn stronger(a: Option<Finding>, b: Option<Finding>) -> Option<Finding> {
    match (a, b) {
        (Some(x), Some(y)) if y.strength > x.strength => Some(y),
        (Some(x), _) => Some(x),
        (None, y) => y,
    }
}

#[cfg(test)]
mod tests;
