//! Shell commands: would this value, pasted into a command line, run something of its own? The value is read at every
//! place where a shell would begin a command (its start, behind a separator, inside a substitution): the word there must
//! be a command, and what follows must make sense to it. A word between separators that is no command is nothing.
//!
//! Steps: at most 3 for each byte, [`STEPS_PER_START`] for each separator, and what the words behind it take.

mod commands;
mod idioms;
mod line;
mod whole;

use super::context::{Context, Strength};
use super::finding::Finding;
use super::{Classes, Detector, Wake};
use crate::canon::cursor::{ByteSet, Cursor};
use crate::flow::{Found, Fuel, Part, Place};
use line::Line;

/// The registered detector.
pub(super) static SHELL: Shell = Shell;

/// Looks for shell commands.
#[derive(Debug)]
pub(super) struct Shell;

const NAME: &str = "shell";

impl Detector for Shell {
    fn name(&self) -> &'static str {
        NAME
    }

    fn wakes(&self) -> Wake {
        Wake {
            literals: idioms::LITERALS,
            bytes: &[";", "|", "&", "`", "$(", "\n", "$", "<(", "() {", "'/", "\\/", "{,", "\\a", ">()", "~+", "~-"],
        }
    }

    fn is_worth(&self, part: &Part<'_>, _: Classes) -> bool {
        let bytes = part.canonical.as_ref();
        let mut line = Line::new(bytes, is_argument(part.place));
        let unspaced = memchr::memchr(b'+', bytes).is_some() && memchr::memchr(b' ', bytes).is_none();
        unspaced
            || idioms::may_control(bytes)
            || whole::find(bytes).is_some()
            || idioms::PARAMETERS.find(bytes).is_some()
            || Starts::new(bytes).any(|start| line.may_be_command(bytes, start))
    }

    fn inspect_marks(&self, part: &Part<'_>, _: Classes, found: &mut Found, fuel: &mut Fuel) {
        inspect(part, idioms::find_grammar, found, fuel);
    }

    fn inspect(&self, part: &Part<'_>, found: &mut Found, fuel: &mut Fuel) {
        inspect(part, idioms::find, found, fuel);
    }
}

/// Looks for idioms, as `idioms` does, and for commands.
fn inspect(part: &Part<'_>, idioms: fn(&[u8]) -> Option<Finding>, found: &mut Found, fuel: &mut Fuel) {
    if part.place == Place::BodyOpaque || fuel.spend(3 * part.canonical.len()).is_err() {
        return;
    }
    let respelled = respell(&part.canonical);
    let bytes = respelled.as_deref().unwrap_or(&part.canonical);
    let idioms = if respelled.is_some() { idioms::find } else { idioms };
    let argument = is_argument(part.place);
    let named = matches!(part.place, Place::QueryName | Place::FormName | Place::CookieName);
    if let Some(whole) = whole::find(&part.canonical).filter(|_| argument || named) {
        return whole.report(NAME, part, found);
    }
    let mut line = Line::new(bytes, argument);
    let Some(best) = strongest(bytes, idioms(bytes), &mut line, fuel) else { return };
    let strength = in_text(part, &best, plausible(part, &best, &line));
    Finding { strength, ..best }.report(NAME, part, found);
}

/// Places whose values are arguments of an operation; a command that is all of one would be run as it stands. Bodies of
/// structured documents may hold commands by right: what a container is to run, a step of a build.
fn is_argument(place: Place) -> bool {
    matches!(
        place,
        Place::QueryValue
            | Place::FormValue
            | Place::CookieValue
            | Place::HeaderValue
            | Place::PathSegment
            | Place::Query
            | Place::XmlAttribute
    )
}

/// How clear a finding is at its place. Browsers separate their words by `;`, and some of those are names of commands; a
/// document may hold a script that begins as one.
fn plausible(part: &Part<'_>, finding: &Finding, line: &Line) -> Strength {
    let named = part.place == Place::HeaderValue && part.name.eq_ignore_ascii_case(b"user-agent");
    let browser = named || memchr::memmem::find(&part.canonical, b"Mozilla/").is_some();
    let leads = !browser_begins(&part.canonical) && finding.at <= 1;
    let document = matches!(part.place, Place::JsonValue | Place::BodyText);
    let substituted = part.canonical.get(finding.at) == Some(&b'(');
    let told = line.is_written() && finding.strength == Strength::Strong && !substituted;
    let by_right = document && finding.name == "shell-command" && (line.is_script() || told);
    if by_right || browser && !leads && finding.strength == Strength::Strong {
        Strength::Weak
    } else {
        finding.strength
    }
}

/// How clear a command is in a longer text. Documents are full of commands, so none is clear by itself; sentences are not,
/// unless a line begins with a word that is a command too.
fn in_text(part: &Part<'_>, finding: &Finding, strength: Strength) -> Strength {
    let command = ["shell-command", "shell-variable-command", "shell-disguised-command"].contains(&finding.name);
    match (Context::of(part), strength) {
        (Context::Document, Strength::Certain) if command => Strength::Strong,
        (Context::Prose, Strength::Strong) if !matches!(part.canonical.get(finding.at), None | Some(b'\n')) => {
            Strength::Certain
        }
        _ => strength,
    }
}

/// Whether a value begins as browsers name themselves: a product with its version.
fn browser_begins(bytes: &[u8]) -> bool {
    let name = bytes.iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.')).count();
    name > 0 && bytes.get(name) == Some(&b'/')
}

/// The value as a shell would be given it, where something else still has to be undone.
fn respell(bytes: &[u8]) -> Option<Vec<u8>> {
    plus_for_blank(bytes).or_else(|| spelled_breaks(bytes)).or_else(|| doubled_backslashes(bytes))
}

/// `\nid\n`: line breaks spelled out around a command.
fn spelled_breaks(bytes: &[u8]) -> Option<Vec<u8>> {
    let inner = bytes.trim_ascii_start();
    let inner = inner.strip_prefix(b"'").or(inner.strip_prefix(b"\"")).unwrap_or(inner);
    let begins = inner.starts_with(b"\\n") || inner.starts_with(b"\\r");
    let again = inner.get(2..).is_some_and(|rest| memchr::memmem::find(rest, b"\\n").is_some());
    (begins && again && bytes.len() < 256).then(|| replaced(inner, b"\\n", b"\n"))
}

/// `c\\\\a\\\\t`: backslashes that were escaped once too often.
fn doubled_backslashes(bytes: &[u8]) -> Option<Vec<u8>> {
    let doubled = || memchr::memmem::find_iter(bytes, b"\\\\").take(3).count() == 3;
    (memchr::memchr(b'\\', bytes).is_some() && bytes.len() < 1024 && doubled()).then(|| replaced(bytes, b"\\\\", b"\\"))
}

/// The bytes with one sequence put in the place of another.
fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes.len());
    let mut last = 0;
    for at in memchr::memmem::find_iter(bytes, from) {
        text.extend_from_slice(bytes.get(last..at).unwrap_or_default());
        text.extend_from_slice(to);
        last = at + from.len();
    }
    text.extend_from_slice(bytes.get(last..).unwrap_or_default());
    text
}

/// A form's `+` that was not taken for a blank when it was decoded: a value that has no blank but a `+`.
fn plus_for_blank(bytes: &[u8]) -> Option<Vec<u8>> {
    let blank = || memchr::memchr(b' ', bytes).is_some();
    let joins = || [&b"+&"[..], b"+|", b"+;"].iter().any(|joint| memchr::memmem::find(bytes, joint).is_some());
    let wanted = memchr::memchr(b'+', bytes).is_some() && bytes.len() < 1024 && (!blank() || joins());
    wanted.then(|| bytes.iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect())
}

/// Commands looked at in search of a clearer one, once a strong one is found.
const PATIENCE: usize = 24;

/// What a place where a command may begin costs besides the words behind it.
const STEPS_PER_START: usize = 32;

fn strongest(bytes: &[u8], idiom: Option<Finding>, line: &mut Line, fuel: &mut Fuel) -> Option<Finding> {
    let mut best = idiom;
    let mut patience = PATIENCE;
    for start in Starts::new(bytes) {
        let strong = best.is_some_and(|b| b.strength >= Strength::Strong);
        patience -= usize::from(strong);
        if patience == 0
            || best.is_some_and(|b| b.strength == Strength::Certain)
            || fuel.spend(STEPS_PER_START + line.take_owed()).is_err()
        {
            break;
        }
        if let Some(finding) = line.command(bytes, start)
            && best.is_none_or(|b| b.strength < finding.strength)
        {
            best = Some(finding);
        }
    }
    best
}

/// What stands before a place where a command may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    /// Nothing: the value begins.
    Nothing,
    /// `;`, `|`, `&` and their doubles.
    Separator,
    /// A line end.
    Newline,
    /// `$(`, `<(`, `>(`.
    Substitution,
    /// `` ` ``, which is also how text marks code.
    Backquote,
}

/// What a place where a command may begin stands behind.
static SEPARATORS: ByteSet = ByteSet::of(b";|&\n`(");

/// The places where a shell would begin a command.
struct Starts<'a> {
    cursor: Cursor<'a>,
    begun: bool,
}

impl<'a> Starts<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { cursor: Cursor::new(bytes, 0), begun: false }
    }
}

impl Starts<'_> {
    /// Whether the backquote just passed belongs to a row of three, which marks a block of code in a text.
    fn is_fence(&mut self) -> bool {
        let at = self.cursor.at();
        let fence = self.cursor.whole().get(at - 1..).is_some_and(|rest| rest.starts_with(b"```"));
        if fence {
            self.cursor.skip(2);
            self.cursor.take_up_to(16, |b| b.is_ascii_alphanumeric());
        }
        fence
    }
}

impl Iterator for Starts<'_> {
    type Item = (usize, Before);

    fn next(&mut self) -> Option<Self::Item> {
        if !self.begun {
            self.begun = true;
            return Some((0, Before::Nothing));
        }
        loop {
            self.cursor.skip_to(&SEPARATORS);
            let before = match self.cursor.bump()? {
                b'\n' => Before::Newline,
                b'`' if self.is_fence() => continue,
                b'`' => Before::Backquote,
                b'(' if !before_parenthesis(&self.cursor) => continue,
                b'(' => Before::Substitution,
                _ => Before::Separator,
            };
            return Some((self.cursor.at(), before));
        }
    }
}

/// Whether the parenthesis just passed opens a substitution, and no arithmetic.
fn before_parenthesis(cursor: &Cursor<'_>) -> bool {
    let opener = Cursor::new(cursor.whole(), cursor.at().saturating_sub(1));
    matches!(opener.before(), Some(b'$' | b'<' | b'>')) && cursor.peek() != Some(b'(')
}

#[cfg(test)]
mod tests;
