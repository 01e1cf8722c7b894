//! Shell commands: would this value, pasted into a command line, run something of its own? The value is read at every
//! place where a shell would begin a command (its start, behind a separator, inside a substitution): the word there must
//! be a command, and what follows must make sense to it. A word between separators that is no command is nothing.
//!
//! Steps: at most 8 for each byte and [`Word::MAX_BYTES`] for each separator.

mod commands;
mod idioms;

use super::context::{Context, Strength};
use super::{Detector, Wake};
use crate::canon::cursor::Cursor;
use crate::canon::shell::{self, Word};
use crate::flow::{Found, Fuel, Hit, Part, Place};
use commands::{END, HOST, NUMBER, PATH, QUOTED, RARE, Takes, WORD};

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
            bytes: &[";", "|", "&", "`", "$(", "\n", "$", "<(", "() {", "'/", "\\/", "{,"],
        }
    }

    fn inspect(&self, part: &Part<'_>, found: &mut Found, fuel: &mut Fuel) {
        if part.place == Place::BodyOpaque || fuel.spend(8 * part.canonical.len()).is_err() {
            return;
        }
        let plus_blanks = plus_for_blank(&part.canonical);
        let bytes = plus_blanks.as_deref().unwrap_or(&part.canonical);
        let Some(best) = strongest(bytes, fuel) else { return };
        let weight = Context::of(part).weigh(plausible(part, best.strength));
        if weight.0 > 0 {
            found.add(part, Hit { detector: NAME, signature: best.name.into(), range: best.at..best.end, weight });
        }
    }
}

/// Browsers separate their words by `;`, and some of the words are names of commands.
fn plausible(part: &Part<'_>, strength: Strength) -> Strength {
    let browser = part.place == Place::HeaderValue && part.name.eq_ignore_ascii_case(b"user-agent");
    if browser && strength == Strength::Strong { Strength::Weak } else { strength }
}

/// A command found at a place, and how clear it is.
#[derive(Clone, Copy, Debug)]
struct Finding {
    strength: Strength,
    name: &'static str,
    at: usize,
    end: usize,
}

/// A form's `+` that was not taken for a blank when it was decoded: a value that has no blank but a `+`.
fn plus_for_blank(bytes: &[u8]) -> Option<Vec<u8>> {
    let wanted = memchr::memchr(b'+', bytes).is_some() && memchr::memchr(b' ', bytes).is_none() && bytes.len() < 1024;
    wanted.then(|| bytes.iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect())
}

fn strongest(bytes: &[u8], fuel: &mut Fuel) -> Option<Finding> {
    let mut best = idioms::find(bytes);
    let mut line = Line { short: bytes.len() <= Line::SHORT, ..Line::default() };
    for start in Starts::new(bytes) {
        if best.is_some_and(|b| b.strength == Strength::Certain) || fuel.spend(Word::MAX_BYTES / 4).is_err() {
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
    /// `` ` ``, `$(`, `<(`, `>(`.
    Substitution,
}

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

impl Iterator for Starts<'_> {
    type Item = (usize, Before);

    fn next(&mut self) -> Option<Self::Item> {
        if !self.begun {
            self.begun = true;
            return Some((0, Before::Nothing));
        }
        loop {
            self.cursor.take_while(|b| !matches!(b, b';' | b'|' | b'&' | b'\n' | b'`' | b'('));
            let before = match self.cursor.bump()? {
                b'\n' => Before::Newline,
                b'`' => Before::Substitution,
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

/// What the commands before this one were.
#[derive(Default)]
struct Line {
    downloads: bool,
    assigns: bool,
    /// The whole value is short enough to be nothing but a command.
    short: bool,
}

impl Line {
    /// The longest value in which a line end separates commands even when the command is an ordinary word.
    const SHORT: usize = 80;

    fn command(&mut self, bytes: &[u8], (start, before): (usize, Before)) -> Option<Finding> {
        let mut cursor = Cursor::new(bytes, start);
        let disguised = skip_openers(&mut cursor);
        let at = cursor.at();
        let word = shell::word(bytes, at);
        if word.text().is_empty() && !word.expands {
            return None;
        }
        let separated = before != Before::Nothing;
        let found = |strength, name| Some(Finding { strength, name, at: start.saturating_sub(1), end: word.end });
        if word.expands && word.text().is_empty() && self.assigns && separated {
            return found(Strength::Certain, "shell-variable-command");
        }
        self.assigns |= is_assignment(word.text());
        if word.glob && is_globbed_path(word.text()) {
            return found(if separated { Strength::Certain } else { Strength::Strong }, "shell-globbed-command");
        }
        let takes = commands::takes(word.command())?;
        let follows = follows(bytes, &word, before == Before::Substitution);
        if self.downloads && before == Before::Separator && takes & QUOTED != 0 && follows.fits(END | PATH) {
            return found(Strength::Certain, "shell-download-run");
        }
        self.downloads |= takes & (HOST | RARE) == HOST | RARE;
        if (word.spliced || disguised || follows.disguised || word.brace) && follows.fits(takes | END | WORD) {
            return found(if separated { Strength::Certain } else { Strength::Strong }, "shell-disguised-command");
        }
        let rare = if takes & RARE != 0 { END | PATH } else { 0 };
        if !follows.fits(takes | rare) {
            return None;
        }
        self.strength(before, takes, &word, &follows).and_then(|strength| found(strength, "shell-command"))
    }

    /// How clear a command is, by what stands before and behind it.
    fn strength(&self, before: Before, takes: Takes, word: &Word, follows: &Follows) -> Option<Strength> {
        let rare = takes & RARE != 0;
        let rooted = word.text().starts_with(b"/");
        let argued = follows.fits(PATH | HOST | NUMBER);
        match before {
            Before::Nothing => (rare && argued || rooted && follows.fits(PATH)).then_some(Strength::Weak),
            Before::Newline => {
                (rare || rooted || self.short || argued && takes & WORD == 0).then_some(Strength::Strong)
            }
            _ if rare && argued || rooted => Some(Strength::Certain),
            _ => Some(Strength::Strong),
        }
    }
}

/// Blanks, negations and groups. Tells whether a blank was disguised.
fn skip_openers(cursor: &mut Cursor<'_>) -> bool {
    let mut disguised = false;
    loop {
        let before = cursor.at();
        disguised |= shell::skip_blanks(cursor);
        cursor.take_up_to(4, |b| matches!(b, b'!' | b'@' | b'('));
        if cursor.at() == before {
            return disguised;
        }
    }
}

fn is_assignment(text: &[u8]) -> bool {
    let name = text.iter().position(|&b| b == b'=').and_then(|at| text.get(..at)).unwrap_or_default();
    !name.is_empty() && name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_')
}

/// `/???/c?t`, `/b*n/i?`: a path of which the last part or a folder is a pattern, with a letter left in it.
fn is_globbed_path(text: &[u8]) -> bool {
    let parts = || text.split(|&b| b == b'/').skip(1);
    let pattern = |part: &[u8]| part.iter().any(|b| matches!(b, b'?' | b'*' | b'['));
    text.first() == Some(&b'/')
        && parts().count() >= 2
        && parts().take(2).all(|part| pattern(part) || is_folder(part))
        && parts().next().is_some_and(|first| pattern(first) || is_folder(first))
        && text.iter().all(|b| b.is_ascii_alphanumeric() || b"/?*[]-_.".contains(b))
}

fn is_folder(part: &[u8]) -> bool {
    matches!(part, b"bin" | b"usr" | b"sbin" | b"etc" | b"local" | b"tmp")
}

/// What follows a command name.
#[derive(Clone, Copy, Debug)]
struct Follows {
    kind: Takes,
    disguised: bool,
}

impl Follows {
    fn fits(self, takes: Takes) -> bool {
        self.kind & takes != 0
    }
}

fn follows(bytes: &[u8], word: &Word, substituted: bool) -> Follows {
    let mut cursor = Cursor::new(bytes, word.end);
    if word.brace {
        cursor.eat(b",");
    }
    let disguised = shell::skip_blanks(&mut cursor);
    Follows { kind: argument(bytes, &cursor, substituted), disguised }
}

/// `)` ends a command inside a substitution; elsewhere it is punctuation.
fn argument(bytes: &[u8], cursor: &Cursor<'_>, substituted: bool) -> Takes {
    let lone = |quote: u8| memchr::memchr(quote, cursor.rest().get(1..).unwrap_or_default()).is_none();
    match cursor.peek() {
        None | Some(b';' | b'|' | b'&' | b'\n' | b'`' | b'#' | b'\0') => END,
        Some(b')') => {
            if substituted {
                END
            } else {
                0
            }
        }
        Some(quote @ (b'\'' | b'"')) => {
            if lone(quote) {
                END
            } else {
                QUOTED
            }
        }
        Some(b'<' | b'>' | b'$' | b'*' | b'~' | b'%') => PATH,
        Some(b'-') if cursor.peek_at(1).is_some_and(|b| b.is_ascii_alphanumeric() || b == b'-') => PATH,
        Some(b'\\') if cursor.rest().len() <= 3 => END,
        Some(_) => argument_word(&shell::word(bytes, cursor.at()), cursor.rest()),
    }
}

fn argument_word(word: &Word, raw: &[u8]) -> Takes {
    let text = word.text();
    let path =
        text.contains(&b'/') || text.starts_with(b".") || text.get(1) == Some(&b':') || raw.get(1) == Some(&b':');
    if path && crate::canon::cursor::contains(text, b"://") {
        HOST | PATH
    } else if path || word.glob || word.expands || word.brace {
        PATH
    } else if text.iter().all(u8::is_ascii_digit) {
        NUMBER
    } else if is_host(text) {
        HOST | PATH
    } else {
        WORD
    }
}

/// `files.example`, `10.0.0.1`, `notes.txt`: a dot between letters or digits, and nothing that ends a sentence.
fn is_host(text: &[u8]) -> bool {
    let dots = text.iter().filter(|&&b| b == b'.').count();
    dots > 0
        && !text.ends_with(b".")
        && text.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':'))
}

#[cfg(test)]
mod tests;
