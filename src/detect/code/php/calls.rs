//! Calls by another name than that of their function, or with their name apart from their parentheses.

use super::Finding;
use super::names::{HANDLED, is_function, is_name};
use crate::canon::cursor::{self, Cursor};
use crate::detect::context::Strength::{self, Certain, Strong};
use std::borrow::Cow;

/// `exec /* … */ (…)`, `exec⏎(…)`: a comment or a line break where only the interpreter does not see it.
pub(super) fn parted_call(bytes: &[u8]) -> Option<Finding> {
    let comment = cursor::find_exact(bytes, b"/*").filter(|at| *at > 0);
    let at = comment.or_else(|| cursor::find_exact(bytes, b"\n("))?;
    let before = bytes.get(..at)?.trim_ascii_end();
    let name = before.iter().rev().take(WINDOW).take_while(|b| is_name(b)).count();
    let mut cursor = Cursor::new(bytes, at);
    for _ in 0..8 {
        cursor.take_while(|b| b.is_ascii_whitespace());
        if !cursor.eat(b"/*") {
            break;
        }
        cursor.skip(memchr::memmem::find(cursor.rest(), b"*/").map_or(usize::MAX, |at| at + 2));
    }
    let called = cursor.eat(b"(") && is_function(before.get(before.len() - name..)?);
    called.then_some(Finding { strength: Certain, name: "code-php", at: before.len() - name, end: cursor.at() })
}

/// PHP's calls by another name: `$x(…)`, `$_[…](…)`, `"system"("id")`, `(system)(ls)`, `['x'][0](…)`, `$ {x}`.
pub(super) fn variable_call(bytes: &[u8]) -> Option<Finding> {
    let text = uncommented(bytes);
    let found = |strength| Finding { strength, name: "code-variable-call", at: 0, end: bytes.len() };
    if spaced_variable(&text) {
        return Some(found(Strong));
    }
    let mut from = 0;
    while let Some(at) = memchr::memchr(b'(', text.get(from..)?).map(|at| from + at) {
        from = at + 1;
        let before = text.get(at.saturating_sub(WINDOW)..at).unwrap_or_default().trim_ascii_end();
        let argument = text.get(at + 1..).unwrap_or_default().trim_ascii_start();
        if takes_variable(before, argument) || is_of_family(before) {
            return Some(found(Strong));
        }
        if let Some(strength) = callee(before, at <= WINDOW) {
            return Some(found(strength));
        }
    }
    None
}

/// `unpack($x`: a function of PHP that changes what the program does, given a variable.
fn takes_variable(before: &[u8], argument: &[u8]) -> bool {
    let variable =
        argument.first() == Some(&b'$') && argument.get(1).is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_');
    let length = before.iter().rev().take_while(|b| is_name(b)).count();
    let (ahead, name) = before.split_at_checked(before.len() - length).unwrap_or_default();
    variable && !matches!(ahead.last(), Some(b'$' | b'>' | b'.' | b':')) && cursor::is_one_of(name, HANDLED)
}

/// `posix_getpwuid(`, `ini_restore(`: a function by the prefix of its family, which only PHP has.
fn is_of_family(before: &[u8]) -> bool {
    const FAMILIES: &[&str] = &[
        "apache_",
        "bzdecompress",
        "curl_",
        "escapeshell",
        "ftp_",
        "get_cfg_var",
        "get_current_user",
        "get_defined_",
        "get_include_path",
        "getmygid",
        "getmyinode",
        "getmypid",
        "getmyuid",
        "gzdecode",
        "gzinflate",
        "gzuncompress",
        "ini_",
        "mysqli_",
        "ob_",
        "opcache_",
        "parse_ini_",
        "pcntl_",
        "php_",
        "phpcredits",
        "phpinfo",
        "phpversion",
        "posix_",
        "proc_",
        "runkit_",
        "session_",
        "shell_",
        "spl_",
        "stream_",
        "sys_get",
        "zend_version",
    ];
    let length = before.iter().rev().take_while(|b| is_name(b)).count();
    let (ahead, name) = before.split_at_checked(before.len() - length).unwrap_or_default();
    let free = !matches!(ahead.last(), Some(b'$' | b'>' | b'.' | b':' | b'@'));
    let spoken = name.ends_with(b"_") || name.len() < 6;
    free && !spoken && FAMILIES.iter().any(|family| cursor::starts_with(name, family.as_bytes()))
}

/// Bytes looked at before a parenthesis.
const WINDOW: usize = 48;

/// The text without comments, when it has any that begin behind a variable.
fn uncommented(bytes: &[u8]) -> Cow<'_, [u8]> {
    let commented = bytes.starts_with(b"$")
        && bytes.len() < 512
        && [&b"/*"[..], b"//", b"#"].iter().any(|mark| memchr::memmem::find(bytes, mark).is_some());
    if !commented {
        return Cow::Borrowed(bytes);
    }
    let mut text = Vec::with_capacity(bytes.len());
    let mut cursor = Cursor::new(bytes, 0);
    while let Some(byte) = cursor.peek() {
        if cursor.eat(b"/*") {
            cursor.skip(memchr::memmem::find(cursor.rest(), b"*/").map_or(usize::MAX, |at| at + 2));
        } else if cursor.eat(b"//") || cursor.eat(b"#") {
            cursor.take_while(|b| b != b'\n');
        } else {
            text.push(byte);
            cursor.skip(1);
        }
    }
    Cow::Owned(text)
}

/// `$   {x}`: blanks between the sigil and its braces.
fn spaced_variable(text: &[u8]) -> bool {
    let mut cursor = Cursor::new(text, 0);
    cursor.eat(b"$") && cursor.blanks() > 0 && cursor.eat(b"{")
}

/// How clearly what stands before a parenthesis is a function by another name. `first`: nothing stands before it.
fn callee(before: &[u8], first: bool) -> Option<Strength> {
    let (base, groups) = without_groups(before)?;
    match base.split_last() {
        Some((quote @ (b'\'' | b'"'), text)) => {
            let start = memchr::memrchr(*quote, text)?;
            let inner = text.get(start + 1..)?.trim_ascii();
            (inner.iter().all(is_name) && is_function(inner)).then_some(Certain)
        }
        Some((b')', inner)) => {
            let start = memchr::memrchr(b'(', inner)?;
            let word = inner.get(start + 1..)?;
            let bare: Vec<u8> =
                word.iter().copied().filter(|b| !matches!(b, b'\'' | b'"' | b'.' | b' ' | b'[' | b']')).collect();
            if is_function(&bare) { Some(Certain) } else { (groups >= 2 && first).then_some(Strong) }
        }
        Some((last, _)) if is_name(last) => {
            let start = base.iter().rposition(|b| !is_name(b))?;
            let word = base.get(start + 1..)?;
            let sigil = base.get(start) == Some(&b'$');
            let odd = word.iter().all(|b| *b == b'_') && word.len() >= 2
                || groups > 0
                || start > 0 && base.get(start - 1) == Some(&b'$');
            let of_class = base.get(..start).is_some_and(|class| class.ends_with(b"::"));
            let alone = first && (start == 0 || of_class) && !word.first().is_some_and(u8::is_ascii_digit);
            (sigil && (odd && first || alone)).then_some(Strong)
        }
        Some((b'$', _)) if groups > 0 => computed_name(before).then_some(Strong),
        None if groups >= 2 && first => Some(Strong),
        _ => None,
    }
}

/// What is left of a callee without its indices, `$x[0]{1}` to `$x`, and how many there were (at most four).
fn without_groups(before: &[u8]) -> Option<(&[u8], usize)> {
    let mut base = before.trim_ascii_end();
    for groups in 0..4 {
        let opener = match base.last() {
            Some(b']') => b'[',
            Some(b'}') => b'{',
            _ => return Some((base, groups)),
        };
        let at = memchr::memrchr(opener, base)?;
        base = base.get(..at)?.trim_ascii_end();
    }
    None
}

/// `${@$x}`, `${'a'.'b'}`: a name that is computed; `${name}` is a placeholder of many languages.
fn computed_name(before: &[u8]) -> bool {
    let start = memchr::memrchr(b'{', before).and_then(|at| before.get(at + 1..)).unwrap_or_default();
    start.iter().any(|b| matches!(b, b'$' | b'@' | b'\'' | b'"' | b'~' | b'^'))
}
