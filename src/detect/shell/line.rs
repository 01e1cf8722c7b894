//! One command line, command by command: whether a word is a command, whether what follows makes sense to it, and what
//! the commands before it were.

use super::commands::{self, END, HOST, NUMBER, PATH, QUOTED, RARE, Takes, WORD};
use super::{Before, Finding};
use crate::canon::cursor::{self, Cursor};
use crate::canon::shell::{self, Word};
use crate::detect::context::Strength::{self, Certain, Strong, Weak};

/// What the commands before this one were.
pub(super) struct Line {
    downloads: bool,
    assigns: bool,
    /// It begins with a word of the shell's grammar, a prompt or the heading of a log line, or it is long and begins with a command.
    script: bool,
    /// It reads as something that was written for others to read: a text with a block of code, a tidy command line.
    written: bool,
    /// The whole value is short enough to be nothing but a command.
    short: bool,
    /// The value is an argument, which no command is by right.
    argument: bool,
    /// All of it stands in parentheses, as what a shell runs in a shell of its own.
    grouped: bool,
    /// Steps of reading words that nobody has paid for yet.
    owed: usize,
}

impl Line {
    /// The longest value in which a line end separates commands even when the command is an ordinary word.
    const SHORT: usize = 80;

    /// The line that a value is.
    pub(super) fn new(bytes: &[u8], argument: bool) -> Self {
        let script = KEYWORDS.iter().any(|word| bytes.starts_with(word)) || is_log_line(bytes);
        let written = has_fence(bytes);
        let (short, grouped) = (bytes.len() <= Self::SHORT, is_group(bytes));
        Self { downloads: false, assigns: false, script, written, short, argument, grouped, owed: 0 }
    }

    /// Steps taken since this was last asked.
    pub(super) fn take_owed(&mut self) -> usize {
        std::mem::take(&mut self.owed)
    }

    /// Whether it begins as a script does.
    pub(super) fn is_script(&self) -> bool {
        self.script
    }

    /// Whether it reads as something that was written for others to read.
    pub(super) fn is_written(&self) -> bool {
        self.written
    }

    /// Judges the command that begins at `start`.
    pub(super) fn command(&mut self, bytes: &[u8], (start, before): (usize, Before)) -> Option<Finding> {
        let mut cursor = Cursor::new(bytes, start);
        let before = if start == 0 && skip_spelled_break(&mut cursor) { Before::Newline } else { before };
        let mut disguised = skip_openers(&mut cursor);
        if before == Before::Nothing && self.argument && self.short {
            skip_lone_quote(&mut cursor);
        }
        if self.is_other_word(&cursor) {
            return None;
        }
        let mut word = shell::word(bytes, cursor.at());
        self.owed += 2 * (word.end - cursor.at());
        if word.expands && word.text().is_empty() && self.argument && before == Before::Separator && !self.assigns {
            // A variable that was never set is nothing: `;$x cat y` is `;cat y`.
            cursor.skip(word.end - cursor.at());
            disguised |= shell::skip_blanks(&mut cursor) || bytes.get(word.end) == Some(&b' ');
            word = shell::word(bytes, cursor.at());
            self.owed += 2 * (word.end - cursor.at());
        }
        if word.text().is_empty() && !word.expands {
            return None;
        }
        let separated = before != Before::Nothing;
        let end = word.end;
        let found = move |strength, name| Some(Finding { strength, name, at: start.saturating_sub(1), end });
        if word.expands && word.text().is_empty() && self.assigns && separated {
            return found(Certain, "shell-variable-command");
        }
        self.assigns |= is_assignment(word.text());
        if word.glob && is_globbed_path(word.text()) {
            return found(if separated { Certain } else { Strong }, "shell-globbed-command");
        }
        let Some(mut takes) = commands::takes(word.command()).or_else(|| versioned(word.command())) else {
            return self.stranger(bytes, before, &word).then_some(found(Strong, "shell-unknown-command")?);
        };
        self.owed += STEPS_PER_COMMAND;
        let wrapper = wrapped(bytes, &word);
        if let Some((next, next_takes)) = &wrapper {
            (word, takes) = (*next, next_takes | RARE);
        }
        let follows = follows(bytes, &word, before);
        let led = !separated && follows.fits(takes | QUOTED | WORD);
        self.script |= led && !self.short;
        self.written |= led && !disguised && is_spaced(bytes) && takes & HOST == 0;
        if self.downloads && before == Before::Separator && takes & QUOTED != 0 && follows.fits(END | PATH) {
            return found(Certain, "shell-download-run");
        }
        self.downloads |= takes & (HOST | RARE) == HOST | RARE;
        if (word.spliced || disguised || follows.disguised || word.brace) && follows.fits(takes | END | WORD) {
            return found(if separated { Certain } else { Strong }, "shell-disguised-command");
        }
        let rare_wrapped = wrapper.is_some_and(|(_, takes)| takes & RARE != 0);
        if before == Before::Nothing && self.argument && self.short && rare_wrapped && follows.fits(END) {
            return found(Strong, "shell-command");
        }
        if before == Before::Nothing && self.short && runs_program(bytes, &word, takes) {
            return found(Strong, "shell-inline-program");
        }
        let rare = if takes & RARE != 0 { END | PATH } else { 0 };
        let sane = follows.fits(takes | rare)
            || before == Before::Separator
                && (has_subcommand(bytes, &word) || is_tool(&word, takes) && follows.fits(WORD))
            || before == Before::Substitution && follows.kind != 0;
        if !sane || before == Before::Separator && in_template(bytes, start) {
            return None;
        }
        let strength = if marked_as_code(bytes, start, before) {
            Some(Weak)
        } else {
            self.strength(before, takes, &word, &follows)
        };
        strength.and_then(|strength| found(strength, "shell-command"))
    }

    /// Whether what begins at `start` is worth reading as a command: it is a word that may be one, or no mere word.
    pub(super) fn may_be_command(&mut self, bytes: &[u8], (start, _): (usize, Before)) -> bool {
        let mut cursor = Cursor::new(bytes, start);
        if start == 0 {
            skip_spelled_break(&mut cursor);
        }
        skip_openers(&mut cursor);
        !cursor.is_at_end() && !self.is_other_word(&cursor)
    }

    /// Most words are no commands, and most of those show it in their first bytes: `name(`, `name =`, `name: `.
    fn is_other_word(&mut self, cursor: &Cursor<'_>) -> bool {
        let mut ahead = *cursor;
        let name = ahead.take_up_to(Word::MAX_BYTES, |b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
        self.assigns |= !name.is_empty() && ahead.peek() == Some(b'=');
        match ahead.peek() {
            _ if name.is_empty() => false,
            Some(b'(' | b'=' | b':' | b',' | b']') => !name.eq_ignore_ascii_case(b"c"),
            None | Some(b' ' | b';' | b'|' | b'&' | b'\n' | b'<' | b'>' | b')') => {
                let stranger = ahead.sees(b" --") && self.is_stranger(name);
                !stranger && commands::takes(name).or_else(|| versioned(name)).is_none()
            }
            _ => false,
        }
    }

    /// Whether a name may be that of a command which is not in the table.
    fn is_stranger(&self, name: &[u8]) -> bool {
        self.short
            && (2..=20).contains(&name.len())
            && name.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-')
    }

    /// A command that is not in the table, behind a separator, with a long option.
    fn stranger(&self, bytes: &[u8], before: Before, word: &Word) -> bool {
        let mut cursor = Cursor::new(bytes, word.end);
        let spaced = cursor.take_up_to(2, |b| b == b' ').len() == 1;
        let option = cursor.eat(b"--") && cursor.peek().is_some_and(|b| b.is_ascii_lowercase());
        self.is_stranger(word.text()) && before == Before::Separator && spaced && option
    }

    /// How clear a command is, by what stands before and behind it.
    fn strength(&self, before: Before, takes: Takes, word: &Word, follows: &Follows) -> Option<Strength> {
        let rare = takes & RARE != 0;
        let rooted = word.text().starts_with(b"/");
        let argued = follows.fits(PATH | HOST | NUMBER);
        match before {
            Before::Nothing if self.argument && self.short => {
                let grouped = self.grouped && takes & WORD == 0;
                (argued && (rare || rooted || grouped) || follows.kind == PATH && takes & PATH != 0).then_some(Strong)
            }
            Before::Nothing => (rare && argued || rooted && follows.fits(PATH)).then_some(Weak),
            Before::Newline => {
                let clear = self.short || rooted || argued && (rare || takes & WORD == 0);
                clear.then_some(Strong)
            }
            _ if rare && argued || rooted => Some(Certain),
            _ => Some(Strong),
        }
    }
}

/// What it costs to read what stands around a command: its arguments, and what it stands in.
const STEPS_PER_COMMAND: usize = 2 * Word::MAX_BYTES;

/// How a script begins that begins with no command.
const KEYWORDS: &[&[u8]] =
    &[b"#!", b"$ ", b"while ", b"if ", b"for ", b"set -", b"export ", b"cd ", b"until ", b"exec ", b"case "];

/// `cron[42]: (root) CMD (…`: a line of a log tells of commands.
fn is_log_line(bytes: &[u8]) -> bool {
    let mut cursor = Cursor::new(bytes, 0);
    let name = cursor.take_up_to(32, |b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    !name.is_empty()
        && cursor.eat(b"[")
        && !cursor.take_up_to(10, |b| b.is_ascii_digit()).is_empty()
        && cursor.eat(b"]: ")
}

/// A block of code in a text: two rows of three backquotes, each where a line begins.
fn has_fence(bytes: &[u8]) -> bool {
    let fence = |at: &usize| at.checked_sub(1).is_none_or(|before| bytes.get(before) == Some(&b'\n'));
    memchr::memchr(b'`', bytes).is_some() && memchr::memmem::find_iter(bytes, b"```").filter(fence).take(2).count() == 2
}

/// Whether every separator stands between blanks, as in a command line that someone wrote to be read.
fn is_spaced(bytes: &[u8]) -> bool {
    let mark = |b: &u8| matches!(b, b';' | b'|' | b'&' | b'\n' | b'`');
    let odd = |run: &[u8]| matches!(run, [a, b] if mark(a) != mark(b) && *a != b' ' && *b != b' ');
    !bytes.windows(2).any(odd)
}

/// `(sleep 5)`, `( ping 203.0.113.9 ) &`: all of a value in parentheses.
fn is_group(bytes: &[u8]) -> bool {
    let text = bytes.trim_ascii();
    text.first() == Some(&b'(') && text.iter().rev().find(|b| !matches!(b, b' ' | b';' | b'&')) == Some(&b')')
}

/// `\n` or `\r\n` spelled out where the value begins.
fn skip_spelled_break(cursor: &mut Cursor<'_>) -> bool {
    let carriage = cursor.eat(b"\\r");
    cursor.eat(b"\\n") || carriage
}

/// `perl -e '…'`, `python -c "…"`: an interpreter with its program.
fn runs_program(bytes: &[u8], word: &Word, takes: Takes) -> bool {
    let mut cursor = Cursor::new(bytes, word.end);
    shell::skip_blanks(&mut cursor);
    let option = cursor.eat(b"-e") || cursor.eat(b"-c") || cursor.eat(b"-r");
    takes & QUOTED != 0 && option && cursor.blanks() > 0 && matches!(cursor.peek(), Some(b'\'' | b'"'))
}

/// `python3.10`, `php8.2`: an interpreter with its version, which is no word of any other language.
fn versioned(name: &[u8]) -> Option<Takes> {
    const INTERPRETERS: &[&str] = &["lua", "node", "perl", "php", "pypy", "python", "ruby", "tclsh"];
    let digits = name.iter().rev().take_while(|b| b.is_ascii_digit() || **b == b'.').count();
    let stem = name.get(..name.len() - digits)?;
    (digits > 0 && cursor::is_one_of(stem, INTERPRETERS)).then_some(RARE | END | PATH | QUOTED)
}

/// The name of a tool that is made of two words: it is no word of a sentence, so that any word may follow it.
fn is_tool(word: &Word, takes: Takes) -> bool {
    takes & RARE != 0 && word.command().contains(&b'-')
}

/// A quote that ends the string in which the value stands, with a command behind it.
fn skip_lone_quote(cursor: &mut Cursor<'_>) {
    let rest = cursor.rest();
    let quote = rest.first().filter(|b| matches!(b, b'\'' | b'"'));
    if quote.is_some_and(|quote| memchr::memchr(*quote, rest.get(1..).unwrap_or_default()).is_none()) {
        cursor.skip(1);
    }
}

/// `net user`, `reg add`: commands of Windows that take a command of their own, sorted pairs.
const SUBCOMMANDS: &[(&str, &[&str])] = &[
    ("net", &["accounts", "group", "localgroup", "session", "share", "start", "stop", "use", "user", "view"]),
    ("netsh", &["advfirewall", "firewall", "interface", "wlan"]),
    ("query", &["process", "session", "termserver", "user"]),
    ("reg", &["add", "delete", "export", "import", "query", "save"]),
    ("sc", &["config", "create", "delete", "query", "start", "stop"]),
];

fn has_subcommand(bytes: &[u8], word: &Word) -> bool {
    let mut cursor = Cursor::new(bytes, word.end);
    shell::skip_blanks(&mut cursor);
    let next = cursor.take_up_to(16, |b| b.is_ascii_alphabetic());
    SUBCOMMANDS
        .iter()
        .any(|(name, all)| word.command().eq_ignore_ascii_case(name.as_bytes()) && cursor::is_one_of(next, all))
}

/// Commands that run the command behind them, sorted.
const WRAPPERS: &[&str] =
    &["builtin", "command", "env", "exec", "nice", "nohup", "setsid", "stdbuf", "sudo", "time", "timeout", "xargs"];

/// The command that a wrapper runs.
fn wrapped(bytes: &[u8], word: &Word) -> Option<(Word, Takes)> {
    if !cursor::is_one_of(word.command(), WRAPPERS) {
        return None;
    }
    let mut cursor = Cursor::new(bytes, word.end);
    shell::skip_blanks(&mut cursor);
    let next = shell::word(bytes, cursor.at());
    commands::takes(next.command()).map(|takes| (next, takes))
}

/// Whether `{{` stands open before `at`: a separator inside of it is the template's. At most 128 bytes are looked at.
fn in_template(bytes: &[u8], at: usize) -> bool {
    let before = bytes.get(at.saturating_sub(128)..at).unwrap_or_default();
    let opened = memchr::memmem::rfind(before, b"{{");
    opened.is_some_and(|open| memchr::memmem::find(before.get(open..).unwrap_or_default(), b"}}").is_none())
}

/// Whether a backquote marks a piece of code in a sentence: words stand before it. At most 128 bytes are looked at.
fn marked_as_code(bytes: &[u8], at: usize, before: Before) -> bool {
    let back = match before {
        Before::Backquote => 1,
        Before::Substitution => 3,
        _ => return false,
    };
    let Some(quote) = at.checked_sub(back).filter(|quote| bytes.get(*quote) == Some(&b'`')) else { return false };
    let text = bytes.get(quote.saturating_sub(128)..quote).unwrap_or_default();
    let words = text.split(|b| *b == b' ').filter(|word| word.len() >= 3 && word.iter().all(u8::is_ascii_alphabetic));
    text.ends_with(b" ") && words.count() >= 1
}

/// Blanks, negations and groups. Tells whether a blank was disguised.
fn skip_openers(cursor: &mut Cursor<'_>) -> bool {
    let mut disguised = false;
    for _ in 0..OPENERS {
        let before = cursor.at();
        disguised |= shell::skip_blanks(cursor);
        cursor.take_up_to(4, |b| matches!(b, b'!' | b'@' | b'('));
        if cursor.at() == before {
            break;
        }
    }
    disguised
}

/// Groups of openers that a command has before it.
const OPENERS: usize = 8;

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

fn follows(bytes: &[u8], word: &Word, before: Before) -> Follows {
    let mut cursor = Cursor::new(bytes, word.end);
    if word.brace {
        cursor.eat(b",");
    }
    let disguised = shell::skip_blanks(&mut cursor);
    Follows { kind: argument(bytes, &cursor, before == Before::Substitution), disguised }
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
    if path && cursor::contains(text, b"://") {
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
