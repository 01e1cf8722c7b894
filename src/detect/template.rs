//! Template injection: expressions between a template engine's marks that compute, reach into the engine or run code.
//! Most values with such marks are honest templates (Helm, mustache, dashboards, workflows): a plain name, a path or a
//! filter between the marks is nothing.
//!
//! Steps: at most 4 for each byte; an expression is read for at most [`MAX_EXPRESSION`] bytes.

use super::context::Strength::{self, Certain, Strong, Weak};
use super::finding::Finding;
use super::literals::{Idiom, Idioms, compile};
use super::{Classes, Detector, Wake};
use crate::canon::cursor::{self, ByteSet, Cursor};
use crate::flow::{Found, Fuel, Part, Place};

/// The registered detector.
pub(super) static TEMPLATE: Template = Template;

/// Looks for expressions in the marks of template engines.
#[derive(Debug)]
pub(super) struct Template;

const NAME: &str = "template";

/// Bytes of an expression that are read.
const MAX_EXPRESSION: usize = 512;
/// Bytes read between marks that mean many things.
const MAX_PROBE: usize = 72;

impl Detector for Template {
    fn name(&self) -> &'static str {
        NAME
    }

    fn wakes(&self) -> Wake {
        Wake {
            literals: LITERALS,
            bytes: &["${}", "{{}}", "{%}", "#{}", "<%", "*{}", "@(0", "[[]]", "%{}", "[=]", "@{}"],
        }
    }

    fn is_worth(&self, part: &Part<'_>, _: Classes) -> bool {
        let mut cursor = Cursor::new(&part.canonical, 0);
        loop {
            cursor.skip_to(&OPENERS);
            if cursor.is_at_end() {
                return false;
            }
            if may_open(&cursor) {
                return true;
            }
            cursor.skip(1);
        }
    }

    fn inspect(&self, part: &Part<'_>, found: &mut Found, fuel: &mut Fuel) {
        let bytes = part.canonical.as_ref();
        if part.place == Place::BodyOpaque || fuel.spend(4 * bytes.len()).is_err() {
            return;
        }
        let directive = Finding::clearest(DIRECTIVES.find(bytes));
        let best = Finding::clearest([expressions(bytes), directive].into_iter().flatten());
        if let Some(best) = best {
            best.report(NAME, part, found);
        }
    }
}

const LITERALS: &[&str] = &[
    "#set",
    "#foreach",
    "<#assign",
    "<#list",
    "<#if",
    "{php}",
    "__class__",
    "__mro__",
    "__globals__",
    "__subclasses__",
    "__import__",
    "__builtins__",
    "{$smarty",
    "freemarker",
    "#include(",
    "#parse(",
    "#evaluate",
    "{literal}",
    "{system(",
    ".inspect(",
    "{{<",
    "__${",
    "{if ",
    "@system.",
    "$class.",
    "<#include",
    "?new(",
    "?api.",
    "{smarty",
    "}__::",
];

/// Directives of engines that no value has business with, and names of their insides that stand nowhere else.
#[rustfmt::skip] // a table
const TABLE: &[Idiom] = &[
    ("#set($", Strong, "template-directive"), ("#set ($", Strong, "template-directive"),
    ("#foreach($", Strong, "template-directive"), ("#include(", Weak, "template-directive"),
    ("#evaluate(", Strong, "template-directive"), ("#parse(", Weak, "template-directive"),
    ("$class.inspect(", Certain, "template-internals"), ("$class.type", Certain, "template-internals"),
    ("<#assign", Strong, "template-directive"), ("<#list", Weak, "template-directive"),
    ("<#if", Weak, "template-directive"), ("<#include", Strong, "template-directive"),
    ("freemarker.template.utility", Certain, "template-internals"), ("?new()", Strong, "template-internals"),
    ("?api.", Strong, "template-internals"), ("{php}", Strong, "template-directive"),
    ("{$smarty.", Strong, "template-internals"), ("{smarty_internal", Certain, "template-internals"),
    ("{literal}", Weak, "template-directive"), ("{system(", Strong, "template-directive"),
    ("{if phpinfo", Certain, "template-directive"), ("{if system", Certain, "template-directive"),
    ("{if readfile", Certain, "template-directive"), ("__subclasses__", Strong, "template-internals"),
    ("__globals__", Strong, "template-internals"), ("__mro__", Strong, "template-internals"),
    ("__class__", Weak, "template-internals"), ("__builtins__", Weak, "template-internals"),
    ("${{<%", Certain, "template-probe"), ("{{<%", Certain, "template-probe"), ("__${", Strong, "template-internals"),
    ("}__::", Strong, "template-internals"), ("<%import ", Strong, "template-code"),
    ("@system.diagnostics", Certain, "template-code"), ("@{ ", Weak, "template-code"),
];
static DIRECTIVES: Idioms = Idioms::new(TABLE, || compile(TABLE));

/// The marks of template engines, the longer first.
const MARKS: &[(&[u8], &[u8], Kind)] = &[
    (b"{{", b"}}", Kind::Expression),
    (b"${", b"}", Kind::Expression),
    (b"#{", b"}", Kind::Expression),
    (b"*{", b"}", Kind::Expression),
    (b"%{", b"}", Kind::Expression),
    (b"@{", b"}", Kind::Expression),
    (b"{%", b"%}", Kind::Statement),
    (b"<%", b"%>", Kind::Code),
    (b"@(", b")", Kind::Probe),
    (b"[[", b"]]", Kind::Probe),
    (b"[=", b"]", Kind::Probe),
    (b"{", b"}", Kind::Probe),
];

/// The bytes that marks begin with.
static OPENERS: ByteSet = ByteSet::of(b"{$#*%@<[");

/// What stands between a pair of marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Expression,
    Statement,
    /// A program of the host's language.
    Code,
    /// Marks that mean many things: only arithmetic between them says something.
    Probe,
}

fn expressions(bytes: &[u8]) -> Option<Finding> {
    let mut best: Option<Finding> = None;
    let mut reaches: Option<Vec<Finding>> = None;
    let mut unclosed = 0_u16;
    let mut cursor = Cursor::new(bytes, 0);
    loop {
        cursor.skip_to(&OPENERS);
        let at = cursor.at();
        if cursor.is_at_end() {
            return best;
        }
        if !may_open(&cursor) {
            cursor.skip(1);
            continue;
        }
        let mark = MARKS.iter().zip(0_u16..).find(|((open, ..), _)| cursor.rest().starts_with(open));
        let Some(((open, close, kind), mark)) = mark.filter(|(_, mark)| unclosed & (1 << mark) == 0) else {
            cursor.skip(1);
            continue;
        };
        cursor.skip(open.len());
        if *kind == Kind::Probe
            && !cursor.peek().is_some_and(|b| b.is_ascii_digit() || matches!(b, b'(' | b'\'' | b'"' | b'{' | b' '))
        {
            continue;
        }
        let inner = expression(cursor.rest(), close, *kind);
        // Nothing closes this mark up to the end, so nothing closes those behind it: they are part of its expression.
        if inner.len() == cursor.rest().len() {
            unclosed |= 1 << mark;
        }
        let reached = match kind {
            Kind::Probe => None,
            _ => reached(reaches.get_or_insert_with(|| REACHES.find(bytes)), cursor.at(), inner),
        };
        if let Some(strength) = judge(inner, *kind, reached).filter(|s| best.is_none_or(|b| b.strength < *s)) {
            best = Some(Finding { strength, name: "template-expression", at, end: cursor.at() + inner.len() });
        }
        if best.is_some_and(|b| b.strength == Certain) {
            return best;
        }
    }
}

/// Whether the two bytes here can begin a mark; most braces and brackets begin none.
fn may_open(cursor: &Cursor<'_>) -> bool {
    match (cursor.peek(), cursor.peek_at(1)) {
        (Some(b'{'), Some(b'{' | b'%')) => true,
        (Some(b'{'), _) => may_compute(cursor.rest().get(1..MAX_PROBE).unwrap_or_default()),
        (Some(b'['), next) => matches!(next, Some(b'[' | b'=')),
        (Some(b'<'), next) => next == Some(b'%'),
        (Some(b'@'), Some(b'(')) => true,
        (_, next) => next == Some(b'{'),
    }
}

/// Whether nothing but arithmetic stands before the next closing brace.
fn may_compute(inner: &[u8]) -> bool {
    let end = inner.iter().position(|b| !is_of_arithmetic(*b) && !matches!(b, b'{' | b'=' | b'\t' | b'\r' | b'\n'));
    let end = end.and_then(|end| inner.get(end));
    inner.first().is_some_and(|b| !matches!(b, b'}' | b'\n')) && (end.is_none() || end == Some(&b'}'))
}

/// What stands before the closing mark, or all that is read when there is none.
fn expression<'a>(rest: &'a [u8], close: &[u8], kind: Kind) -> &'a [u8] {
    let limit = if kind == Kind::Probe { MAX_PROBE } else { MAX_EXPRESSION };
    let window = rest.get(..rest.len().min(limit)).unwrap_or_default();
    let end = memchr::memmem::find(window, close).unwrap_or(window.len());
    window.get(..end).unwrap_or_default()
}

/// The clearest of the first few things that an expression reaches for.
fn reached(all: &[Finding], start: usize, inner: &[u8]) -> Option<Strength> {
    let first = all.partition_point(|reach| reach.at < start);
    let leading = start + inner.iter().take_while(|b| b" -=#{\t".contains(b)).count();
    let inside = all.iter().skip(first).take(8).take_while(|reach| reach.at < start + inner.len());
    inside.filter(|reach| reach.name != "start" || reach.at == leading).map(|reach| reach.strength).max()
}

fn judge(inner: &[u8], kind: Kind, reached: Option<Strength>) -> Option<Strength> {
    let inner = inner.trim_ascii();
    let inner = inner.strip_prefix(b"=").or(inner.strip_prefix(b"-")).unwrap_or(inner);
    let inner = inner.strip_prefix(b"{").unwrap_or(inner).trim_ascii();
    if is_arithmetic(inner) {
        return Some(if kind == Kind::Probe { Strong } else { Certain });
    }
    let literal =
        matches!(inner.first(), Some(b'\'' | b'"' | b'[' | b'(')) && kind == Kind::Expression && calls_a_literal(inner);
    let code = (kind == Kind::Code && !inner.is_empty()).then_some(Strong);
    reached.max(literal.then_some(Strong)).max(code)
}

/// `''.x`, `[].x`, `['id']|filter('system')`, `'a'.toUpperCase()`: a literal of which something is asked.
fn calls_a_literal(inner: &[u8]) -> bool {
    let end = match inner.first() {
        Some(quote @ (b'\'' | b'"')) => inner.iter().skip(1).position(|b| b == quote).map(|at| at + 2),
        Some(b'[') => memchr::memchr(b']', inner).map(|at| at + 1),
        _ => memchr::memchr(b')', inner).map(|at| at + 1),
    };
    let after = end.and_then(|end| inner.get(end..)).unwrap_or_default().trim_ascii_start();
    let asked = matches!(after.first(), Some(b'.' | b'[')) || after.first() == Some(&b'|') && after.contains(&b'(');
    asked && after.iter().any(|b| b.is_ascii_alphabetic()) || runs_literal(after)
}

/// Functions of PHP that run a program, sorted.
const PROGRAMS: &[&str] = &["exec", "passthru", "popen", "shell_exec", "system"];

/// `'id'|system`: a filter that runs the literal before it.
fn runs_literal(after: &[u8]) -> bool {
    let name = after.strip_prefix(b"|").unwrap_or_default().trim_ascii_start();
    let end = name.iter().position(|b| !b.is_ascii_alphanumeric() && *b != b'_').unwrap_or(name.len());
    cursor::is_one_of(name.get(..end).unwrap_or_default(), PROGRAMS)
}

/// `7*7`, `'7'*7`, `(3+4)`: two numbers or more with operators, nothing else. A lone `-` or `/` is a range or a date.
fn is_arithmetic(inner: &[u8]) -> bool {
    if inner.len() < 3 || inner.len() > 64 || !inner.iter().all(|b| is_of_arithmetic(*b)) {
        return false;
    }
    let numbers = inner.split(|b| !b.is_ascii_digit()).filter(|number| !number.is_empty()).count();
    let operator = inner.contains(&b'*') || inner.contains(&b'+') && inner.first() != Some(&b'+');
    let subtracts = numbers == 2 && (inner.contains(&b'-') || inner.contains(&b'/'));
    numbers >= 2 && (operator || subtracts)
}

fn is_of_arithmetic(b: u8) -> bool {
    b.is_ascii_digit() || matches!(b, b' ' | b'*' | b'+' | b'-' | b'/' | b'%' | b'(' | b')' | b'.' | b'\'' | b'"')
}

/// What an expression asks of an engine only to get out of it. `start`: only at the expression's start.
#[rustfmt::skip] // a table
const REACHES_TABLE: &[Idiom] = &[
    ("__class__", Certain, ""), ("__mro__", Certain, ""), ("__globals__", Certain, ""),
    ("__subclasses__", Certain, ""), ("__import__", Certain, ""), ("__builtins__", Certain, ""),
    ("__init__", Certain, ""), ("__base__", Certain, ""), ("\\x5f\\x5f", Certain, ""), ("\"__\"", Certain, ""),
    ("__ class", Certain, ""), ("'__class'", Certain, ""), ("_self.env", Certain, ""), ("_self", Strong, "start"),
    ("constructor(", Certain, ""), (".constructor", Certain, ""), ("['constructor']", Certain, ""),
    ("[\"constructor\"]", Certain, ""), ("|attr(", Certain, ""), ("|filter('", Certain, ""), ("|map('", Strong, ""),
    ("|reduce('", Certain, ""), ("|reduce(\"", Certain, ""), ("|sort('", Strong, ""), ("|filter(\"", Certain, ""),
    ("|map(\"", Strong, ""), ("reduce('system", Certain, ""), ("popen(", Certain, ""), ("os.system(", Certain, ""),
    (".exec(", Certain, ""), ("getruntime", Certain, ""), (".execsync(", Certain, ""), ("require(", Strong, ""),
    ("process.mainmodule", Certain, ""), ("global.process", Certain, ""), ("process.env", Weak, ""),
    ("system(", Strong, ""), ("passthru(", Certain, ""), ("shell_exec(", Certain, ""), ("phpinfo(", Certain, ""),
    ("file_get_contents(", Certain, ""), ("print(", Weak, ""), ("eval(", Strong, ""), ("config.items(", Certain, ""),
    ("config.iteritems(", Certain, ""), ("config|", Strong, "start"), ("self.", Strong, "start"),
    ("self|", Strong, "start"), ("self._", Certain, "start"), ("self.template", Certain, ""),
    ("self.module", Certain, ""), ("self.context", Certain, ""), ("self.attr", Certain, ""),
    ("request.application", Certain, ""), ("request|", Strong, ""), ("request.__", Certain, ""),
    ("request[", Strong, "start"), ("request.environ", Certain, ""), ("cycler.", Certain, ""),
    ("lipsum.", Certain, ""), ("lipsum|", Certain, ""), ("joiner.", Certain, ""), ("namespace.__", Certain, ""),
    ("url_for.", Certain, ""), ("get_flashed_messages.", Certain, ""), ("settings.secret_key", Certain, ""),
    ("app.request", Strong, "start"), ("dump(", Weak, "start"), ("app.", Weak, "start"), ("getclass(", Certain, ""),
    ("class.forname", Certain, ""), (".class.", Strong, ""), (".class.base", Certain, ""), ("t(java", Certain, ""),
    ("new java", Certain, ""), ("java.lang", Certain, ""), ("file.open(", Certain, ""), ("dir.entries(", Certain, ""),
    ("io.popen(", Certain, ""), ("import os", Certain, ""), ("subprocess", Certain, ""), ("include '/", Strong, ""),
    ("include \"/", Strong, ""), ("alert(", Strong, ""), ("document.", Strong, ""), ("fromcharcode", Certain, ""),
    ("$eval(", Certain, ""), ("$on.", Strong, ""), ("tostring().", Strong, ""), ("lookup string.sub", Certain, ""),
    ("string.sub", Strong, ""), ("#with \"s\"", Certain, ""), ("root.process", Certain, ""), ("1/0", Strong, ""),
    ("etc/passwd", Certain, ""), ("debug", Weak, "start"), ("#with \"constructor\"", Certain, ""),
    ("resourcebundle", Weak, ""), ("openstream(", Certain, ""), ("getprotectiondomain(", Certain, ""),
];
static REACHES: Idioms = Idioms::new(REACHES_TABLE, || compile(REACHES_TABLE));

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn total(value: &str) -> u32 {
        let mut found = Found::default();
        TEMPLATE.inspect(
            &Part::plain(Place::QueryValue, b"q", value.as_bytes()),
            &mut found,
            &mut Fuel::new(1_000_000),
        );
        found.total()
    }

    #[test]
    fn expressions_that_compute_or_reach_out_are_attacks() {
        for value in [
            "{{7*7}}",
            "${7*7}",
            "#{3+4}",
            "<%= 7 * 7 %>",
            "*{8*8}",
            "@(6*7)",
            "{{7*'7'}}",
            "a{{ ''.__class__.__mro__ }}b",
            "{{ x.constructor.constructor('y')() }}",
            "${self.module.runtime}",
            "{{ cycler.__init__ }}",
            "{% import os %}",
            "<#assign x=\"freemarker.template.utility.Execute\"?new()>",
            "#set($x='')$x.class",
            "{{ ['id']|filter('system') }}",
            "{{'a'.toUpperCase()}}",
            "{{ 'id' | system }}",
            "{{\"id\"|shell_exec|upper}}",
            "{$smarty.version}",
        ] {
            assert!(total(value) >= 100, "{value}");
        }
    }

    #[test]
    fn honest_templates_are_nothing() {
        for value in [
            "{{ .Values.image.tag }}",
            "{{ name }}",
            "{{#each items}}{{this}}{{/each}}",
            "${{ secrets.TOKEN }}",
            "${VERSION}",
            "{{ $labels.instance }} is down",
            "{{ .Release.Name | quote }}",
            "{{ 'ops' | upper }}",
            "{{ 'ops' | systems }}",
            "#{name}",
            "{% if user %}hello{% endif %}",
            "{\"a\": [[1, 2], [3, 4]]}",
            "{{ 2024-01-31 }}",
            "${a.b.c}",
            "x[0] = {1, 2}",
            "{{ include \"chart.labels\" . }}",
            "%{count} items",
            "[[wiki link]]",
        ] {
            assert_eq!(total(value), 0, "{value}");
        }
    }

    proptest! {
        #[test]
        fn any_marks_are_read(text in "[{}$#*%@<>()\\[\\]=7+'|a.]{0,300}") {
            let mut fuel = Fuel::new(10_000);
            TEMPLATE.inspect(&Part::plain(Place::QueryValue, b"q", text.as_bytes()), &mut Found::default(), &mut fuel);
        }
    }
}
