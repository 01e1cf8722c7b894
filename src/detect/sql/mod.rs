//! SQL injection: does this value, placed where values go in a statement, change what the statement does?
//!
//! The value is read in each context it could stand in: bare (a number, a name), and inside `'…'`, `"…"`, `` `…` ``, where its
//! first unescaped quote ends the string; and under the readings of MySQL and of the others where they differ. From there on the tokens
//! must go on as SQL does (`grammar`); O'Reilly does not. What was seen (`facts`) is weighed (`verdict`).
//!
//! Steps: at most 120 for each byte, and for each of [`MAX_EFFORT`]. A value that is no SQL is left after two or
//! three tokens.

mod facts;
mod functions;
mod grammar;
mod idioms;
mod statement;
#[cfg(test)]
mod tests;
mod verdict;
mod wakes;

pub(super) use statement::inspect as inspect_statement;

use super::context::Context as Surroundings;
use super::{Classes, Detector, Wake};
use crate::canon::cursor;
use crate::canon::sql::{Kind, Lexer, Operator, Reading, Word};
use crate::flow::{Empty, Found, Fuel, Hit, Part, Place, Weight};
use std::ops::Range;
use verdict::Context;

/// The registered detector.
pub(super) static SQL: Sql = Sql;

/// Looks for SQL injection.
#[derive(Debug)]
pub(super) struct Sql;

const NAME: &str = "sql";

/// Tokens read in all attempts but the bare ones. No honest value goes on as SQL for so long from within a string.
const MAX_EFFORT: usize = 1024;

/// At most three bare attempts and [`MAX_EFFORT`] tokens of others, plus the last attempt; 24 steps for a token of one byte.
#[cfg(test)]
const STEPS_PER_BYTE: u64 = 120;

/// Words, numbers, paths (`/api/v1/orders/7`), dates and host names: nothing that a statement could be made of.
fn is_names_only(value: &[u8]) -> bool {
    let in_names = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'/' | b'.' | b'-');
    value.iter().all(in_names) && !value.windows(2).any(|pair| pair == b"--")
}

impl Detector for Sql {
    fn name(&self) -> &'static str {
        NAME
    }

    fn wakes(&self) -> Wake {
        Wake { literals: wakes::LITERALS, bytes: wakes::MARKS }
    }

    fn is_worth(&self, part: &Part<'_>, classes: Classes) -> bool {
        let value = part.canonical.as_ref();
        has_operator(value, classes) || goes_on_behind_quote(value)
    }

    fn inspect_marks(&self, part: &Part<'_>, classes: Classes, found: &mut Found, fuel: &mut Fuel) {
        if let Ok(Some((name, weight, range))) = heaviest(&part.canonical, classes, fuel) {
            report(part, name, weight, range, found);
        }
    }

    fn inspect(&self, part: &Part<'_>, found: &mut Found, fuel: &mut Fuel) {
        if is_names_only(&part.canonical) {
            return;
        }
        let classes = Classes::in_bytes(&part.canonical);
        let Ok(read) = heaviest(&part.canonical, classes, fuel) else { return };
        let denies = read.as_ref().is_some_and(|(_, weight, _)| *weight >= Weight::CERTAIN);
        if let Some((name, weight, range)) = read {
            report(part, name, weight, range, found);
        }
        if let Some(finding) = idioms::find(&part.canonical, classes).filter(|_| !denies) {
            finding.report(NAME, part, found);
        }
    }
}

/// Whether a value has a mark that joins or compares operands, ends a statement or begins a comment.
fn has_operator(value: &[u8], classes: Classes) -> bool {
    classes.any(OPERATORS) || classes.any(Classes::of("-")) && cursor::find_exact(value, b"--").is_some()
}

const OPERATORS: Classes = Classes::of("=<>|&;#(*^~\\\0");

/// Quotes that are looked behind before the value is read in any case.
const QUOTES: usize = 16;

/// Whether what stands behind any quote may go on as SQL: a mark or one of its words, and not the rest of a name.
fn goes_on_behind_quote(value: &[u8]) -> bool {
    memchr::memchr3_iter(b'\'', b'"', b'`', value).zip(0..).any(|(at, before)| {
        if before == QUOTES {
            return true;
        }
        let rest = value.get(at + 1..).unwrap_or_default();
        let mut lexer = Lexer::new(rest, 0, Reading::MYSQL);
        match lexer.first_ahead() {
            Some(b'.' | b',' | b':' | b'?' | b')' | b']' | b'}') => false,
            Some(first) if first.is_ascii_alphanumeric() || first >= 0x80 => {
                lexer.next().is_none_or(|token| !matches!(token.kind, Kind::Word(Word::Other) | Kind::Number))
            }
            _ => true,
        }
    })
}

/// Reports what was recognised. In bytes of no known kind, which are read value by value where that is possible, a sign that
/// needs company is none: it would be its own.
fn report(part: &Part<'_>, name: &'static str, weight: Weight, range: Range<usize>, found: &mut Found) {
    let clear = is_own_statement(part, name) || joins_itself(part, name);
    let weight = if clear { Weight::CERTAIN } else { weight };
    if part.place != Place::BodyOpaque || weight >= Weight::CERTAIN {
        found.add(part, Hit { detector: NAME, signature: name.into(), range, weight });
    }
}

/// `a'+'b`, `' >> '`: two quotes around an operator are all of an argument, so that its string becomes an expression.
fn joins_itself(part: &Part<'_>, name: &str) -> bool {
    const MAX_BYTES: usize = 24;
    let value = part.canonical.as_ref();
    if name != "sql-expression" || value.len() > MAX_BYTES || !is_argument(part.place) {
        return false;
    }
    let mut pieces = value.split(|b| matches!(b, b'\'' | b'"'));
    let (Some(before), Some(operator), Some(after), None) =
        (pieces.next(), pieces.next(), pieces.next(), pieces.next())
    else {
        return false;
    };
    let word = |text: &[u8]| text.trim_ascii().iter().all(u8::is_ascii_alphanumeric);
    let mark = operator.trim_ascii();
    let quoted_mark = before.is_empty() && after.is_empty() && mark.len() == operator.len();
    !quoted_mark && word(before) && word(after) && !mark.is_empty() && mark.iter().all(u8::is_ascii_punctuation)
}

/// Places of single values.
fn is_argument(place: Place) -> bool {
    matches!(
        place,
        Place::QueryValue
            | Place::FormValue
            | Place::CookieValue
            | Place::HeaderValue
            | Place::PathSegment
            | Place::XmlAttribute
    )
}

/// A whole statement where values stand, and nothing else: whoever sends it wants it run.
fn is_own_statement(part: &Part<'_>, name: &str) -> bool {
    name == "sql-statement" && is_argument(part.place) && Surroundings::of(part) == Surroundings::Value
}

/// What was recognised, its weight, and the bytes that show it.
type Heaviest = Option<(&'static str, Weight, Range<usize>)>;

/// The heaviest sign under all contexts and readings; the first that denies by itself ends the search.
fn heaviest(value: &[u8], classes: Classes, fuel: &mut Fuel) -> Result<Heaviest, Empty> {
    let marks = Marks::of(value, classes);
    let mut best: Heaviest = None;
    let mut effort = 0_usize;
    let mut main: [Option<Attempt>; MAIN_ATTEMPTS] = [None; MAIN_ATTEMPTS];
    for (reading, at, context) in marks.attempts(value) {
        let alike = main.iter().flatten().find(|before| before.at == at && before.context == context);
        if let Some(before) =
            alike.filter(|before| reading == Reading::STANDARD && before.reach <= marks.differs(value))
        {
            effort += before.effort;
            continue;
        }
        fuel.spend(STEPS_PER_ATTEMPT + value.len() / 4)?;
        if context == Context::Quoted && (begins_with_name(value, at, reading) || quotes_last_word(value, at)) {
            continue;
        }
        let after_operand = context == Context::Quoted || begins_with_operator(value, at, reading);
        let mut facts = grammar::read(value, at, after_operand, reading, fuel)?;
        facts.silent_comment = facts.silent_comment && !stands_apart(value, at);
        if let Some((name, weight)) = verdict::weigh(&facts, context) {
            let start = at.saturating_sub(usize::from(context == Context::Quoted));
            let heavier = best.as_ref().is_none_or(|(_, other, _)| weight > *other);
            best = if heavier { Some((name, weight, start..facts.end.max(start))) } else { best };
        }
        let denies = best.as_ref().is_some_and(|(_, weight, _)| *weight >= Weight::CERTAIN);
        if denies || context == Context::Bare && facts.is_clean_statement() {
            return Ok(best);
        }
        let tokens = if context == Context::Bare { 0 } else { facts.tokens as usize };
        if let Some(slot) = main.iter_mut().find(|slot| slot.is_none()) {
            *slot = Some(Attempt { at, context, reach: facts.reach, effort: tokens });
        }
        effort += tokens;
        if effort > MAX_EFFORT {
            return Ok(Some(("sql-endless", Weight::CERTAIN, at..facts.end.max(at))));
        }
    }
    Ok(best)
}

/// What an attempt costs besides its tokens.
const STEPS_PER_ATTEMPT: usize = 64;

/// Attempts under the first reading: bare, and out of each quote.
const MAIN_ATTEMPTS: usize = 4;

/// An attempt that need not be repeated under a reading that differs only behind what it looked at.
#[derive(Clone, Copy)]
struct Attempt {
    at: usize,
    context: Context,
    /// No byte from here on was looked at.
    reach: usize,
    effort: usize,
}

/// What the value has of the marks on which contexts and readings depend.
#[derive(Clone, Copy, Debug, Default)]
struct Marks {
    single: bool,
    double: bool,
    back: bool,
    /// The first backslash, `#`, `[`, `$` or `q'`: dialects differ on them.
    differs: Option<usize>,
    /// No spaces, but more than one `+`.
    plus_for_space: bool,
    /// One past the first `''`.
    doubled: Option<usize>,
    /// One past the first `=` that stands behind the first word, as in a query string.
    assigned: Option<usize>,
    /// One past the first semicolon, if it comes soon.
    separated: Option<usize>,
}

impl Marks {
    /// Bytes within which a semicolon is taken to separate the value.
    const SEPARATED: usize = 48;

    fn of(value: &[u8], classes: Classes) -> Self {
        let find = |mark: u8, set: Classes| classes.any(set).then(|| memchr::memchr(mark, value)).flatten();
        let before = |at: usize| at.checked_sub(1).and_then(|at| value.get(at)).copied().unwrap_or_default();
        let first_space = memchr::memchr(b' ', value).unwrap_or(value.len());
        let first_word = value.get(..first_space).unwrap_or_default();
        let odd = classes.any(Classes::of("\\#[")).then(|| memchr::memchr3(b'\\', b'#', b'[', value)).flatten();
        let mut marks = Self {
            double: classes.any(Classes::of("\"")),
            back: classes.any(Classes::of("`")),
            differs: find(b'$', Classes::of("$")).into_iter().chain(odd).min(),
            plus_for_space: classes.any(Classes::of("+"))
                && memchr::memchr_iter(b'+', value).nth(1).is_some()
                && (first_space == value.len() || has_joined_words(value)),
            assigned: memchr::memchr_iter(b'=', first_word)
                .find(|at| before(*at).is_ascii_alphanumeric())
                .map(|at| at + 1),
            separated: find(b';', Classes::of(";")).filter(|at| *at < Self::SEPARATED).map(|at| at + 1),
            ..Self::default()
        };
        if !classes.any(Classes::of("'")) {
            return marks;
        }
        for at in memchr::memchr_iter(b'\'', value) {
            marks.single = true;
            if before(at) | 0x20 == b'q' && marks.differs.is_none_or(|first| at <= first) {
                marks.differs = at.checked_sub(1);
            }
            marks.doubled = marks.doubled.or((before(at) == b'\'').then_some(at + 1));
        }
        marks
    }

    /// Up to where all dialects read alike; besides the marks, comments and prefixes of strings may be some that only one
    /// has.
    fn differs(self, value: &[u8]) -> usize {
        let comment = cursor::find_exact(value, b"/*");
        [self.differs, comment, memchr::memchr(b'_', value)].into_iter().flatten().min().unwrap_or(usize::MAX)
    }

    /// From where, and how, the value is read: bare, out of each quote, behind marks; under each reading that may differ.
    fn attempts(self, value: &[u8]) -> impl Iterator<Item = (Reading, usize, Context)> {
        let plus = Reading { plus_is_space: true, ..Reading::MYSQL };
        let readings =
            [(true, Reading::MYSQL), (self.differs.is_some(), Reading::STANDARD), (self.plus_for_space, plus)];
        let readings = readings.into_iter().filter_map(|(wanted, reading)| wanted.then_some(reading));
        let main = readings.flat_map(move |reading| {
            let bare = std::iter::once((reading, 0, Context::Bare));
            bare.chain(self.quoted(value, reading).map(move |at| (reading, at, Context::Quoted)))
        });
        let doubled = self.doubled.map(|at| (Reading::MYSQL, at, Context::Quoted));
        let inner = [self.assigned, self.separated].into_iter().flatten();
        main.chain(doubled).chain(inner.map(|at| (Reading::MYSQL, at, Context::Inner)))
    }

    /// Where the strings end in which the value may stand.
    fn quoted(self, value: &[u8], reading: Reading) -> impl Iterator<Item = usize> {
        let quotes = [(self.single, b'\''), (self.double, b'"'), (self.back, b'`')];
        let present = quotes.into_iter().filter_map(|(present, quote)| present.then_some(quote));
        present.filter_map(move |quote| Lexer::leave_string(value, 0, quote, reading))
    }
}

/// Whether words of statements stand between plus signs although there are blanks too.
fn has_joined_words(value: &[u8]) -> bool {
    [&b"+and+"[..], b"+or+", b"+union+", b"+select+", b"+from+"].iter().any(|word| cursor::contains(value, word))
}

/// Whether a name or a number stands where an operator must: it fits nowhere, and neither does what follows it.
fn begins_with_name(value: &[u8], at: usize, reading: Reading) -> bool {
    let mut lexer = Lexer::new(value, at, reading);
    let name = |first: u8| first.is_ascii_alphanumeric() || first >= 0x80;
    lexer.first_ahead().is_some_and(name)
        && lexer.next().is_some_and(|token| matches!(token.kind, Kind::Word(Word::Other) | Kind::Number))
}

/// `select 'and'`: whether the quote before `at` stands behind a blank, and all that follows is one word with its closing
/// quote, perhaps with the marks that end a sentence or a document. So words are quoted; a value that breaks out of a string
/// has its quote where the string ends.
fn quotes_last_word(value: &[u8], at: usize) -> bool {
    let blank = at.checked_sub(2).and_then(|at| value.get(at)) == Some(&b' ');
    let quote = at.checked_sub(1).and_then(|at| value.get(at..)).and_then(<[u8]>::split_first);
    let Some((quote, rest)) = quote.filter(|_| blank) else { return false };
    let (word, behind) = rest.split_at_checked(memchr::memchr(*quote, rest).unwrap_or(rest.len())).unwrap_or_default();
    let ends = |b: &u8| b.is_ascii_whitespace() || matches!(b, b'.' | b',' | b'!' | b'?' | b'"' | b']' | b'}');
    let quoted = !word.is_empty() && word.iter().all(u8::is_ascii_alphabetic);
    quoted && behind.split_first().is_some_and(|(_, behind)| behind.iter().all(ends))
}

/// `charcoal soap '#`: whether the quote before `at` stands apart, behind a blank and several words. The string that a value
/// breaks out of ends where a word does.
fn stands_apart(value: &[u8], at: usize) -> bool {
    let before = value.get(..at.saturating_sub(1)).unwrap_or_default();
    before.ends_with(b" ") && before.trim_ascii().contains(&b' ')
}

/// Whether a bare value begins as if an operand stood before it: ` OR 1=1`, `) UNION …`.
fn begins_with_operator(value: &[u8], at: usize, reading: Reading) -> bool {
    let first = Lexer::new(value, at, reading).find(|token| !matches!(token.kind, Kind::Comment(_)));
    match first.map(|token| token.kind) {
        Some(Kind::Word(word)) => matches!(
            word,
            Word::And
                | Word::Or
                | Word::Xor
                | Word::Union
                | Word::Order
                | Word::Group
                | Word::Having
                | Word::Where
                | Word::As
                | Word::Limit
                | Word::Procedure
                | Word::Into
                | Word::Like
                | Word::Rlike
                | Word::Regexp
                | Word::In
                | Word::Between
                | Word::Is
                | Word::Div
                | Word::Intersect
                | Word::Except
                | Word::Minus
        ),
        Some(Kind::Operator(operator)) => !matches!(operator, Operator::Sign | Operator::Not | Operator::Tilde),
        Some(Kind::Close | Kind::Comma | Kind::Semicolon) => true,
        _ => false,
    }
}
