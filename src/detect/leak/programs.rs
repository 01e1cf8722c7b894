//! What programs say when they fail, and the files that they should not show.

use super::{Reader, Sign, run};
use crate::flow::Leak;
use std::ops::Range;

pub(super) const SIGNS: &[Sign] = &[
    Sign::plain(Leak::SqlErrors, "You have an error in your SQL syntax"),
    Sign::plain(Leak::SqlErrors, "syntax error at or near "),
    Sign::plain(Leak::SqlErrors, "unterminated quoted string at or near "),
    Sign::plain(Leak::SqlErrors, "Unclosed quotation mark after the character string"),
    Sign::plain(Leak::SqlErrors, "quoted string not properly terminated"),
    Sign::plain(Leak::SqlErrors, "SQL command not properly ended"),
    Sign::plain(Leak::SqlErrors, "SQLSTATE["),
    Sign::plain(Leak::SqlErrors, "PSQLException"),
    Sign::plain(Leak::SqlErrors, "java.sql.SQL"),
    Sign::plain(Leak::SqlErrors, "SQLGrammarException"),
    Sign::plain(Leak::SqlErrors, "sqlite3.OperationalError"),
    Sign::plain(Leak::SqlErrors, "SQLITE_ERROR"),
    Sign::plain(Leak::SqlErrors, "System.Data.SqlClient.SqlException"),
    Sign::plain(Leak::SqlErrors, "Microsoft.Data.SqlClient.SqlException"),
    Sign::plain(Leak::SqlErrors, "Microsoft OLE DB Provider for "),
    Sign::plain(Leak::SqlErrors, "psycopg.errors."),
    Sign::plain(Leak::SqlErrors, "psycopg2.errors."),
    Sign::plain(Leak::SqlErrors, "mysqli_sql_exception"),
    Sign::plain(Leak::SqlErrors, "ER_PARSE_ERROR"),
    sign(Leak::SqlErrors, "ORA-", oracle),
    Sign::plain(Leak::StackTraces, "Traceback (most recent call last):"),
    Sign::plain(Leak::StackTraces, "' panicked at "),
    sign(Leak::StackTraces, "goroutine ", goroutine),
    sign(Leak::StackTraces, "Stack trace:", php),
    frame(".java:", |text, hit| position(text, hit, 1)),
    frame(".kt:", |text, hit| position(text, hit, 1)),
    frame(".scala:", |text, hit| position(text, hit, 1)),
    frame(".js:", |text, hit| position(text, hit, 2)),
    frame(".ts:", |text, hit| position(text, hit, 2)),
    frame(".mjs:", |text, hit| position(text, hit, 2)),
    frame(".cs:line ", digits),
    frame(".rb:", ruby),
    sign(Leak::SystemFiles, "root:", account),
    Sign::plain(Leak::SystemFiles, "; for 16-bit app support"),
];

const fn sign(leak: Leak, literal: &'static str, read: Reader) -> Sign {
    Sign { leak, literal, read, partial: false }
}

/// One frame is a place in a program; two are a call stack.
const fn frame(literal: &'static str, read: Reader) -> Sign {
    Sign { leak: Leak::StackTraces, literal, read, partial: true }
}

/// `ORA-01756`.
fn oracle(text: &[u8], hit: Range<usize>) -> Option<Range<usize>> {
    let digits = run(text, hit.end, 6, |byte| byte.is_ascii_digit());
    (digits == 5).then_some(hit.start..hit.end + digits)
}

/// `goroutine 1 [running]:`.
fn goroutine(text: &[u8], hit: Range<usize>) -> Option<Range<usize>> {
    let state = hit.end + digits(text, hit.clone())?.len() - hit.len();
    text.get(state..)?.starts_with(b" [running]:").then_some(hit.start..state + 11)
}

/// `Stack trace:` and then `#0 `, the line's end between them perhaps spelled out.
fn php(text: &[u8], hit: Range<usize>) -> Option<Range<usize>> {
    let between = run(text, hit.end, 8, |byte| matches!(byte, b'\r' | b'\n' | b'\\' | b'r' | b'n' | b' '));
    let first = hit.end + between;
    text.get(first..)?.starts_with(b"#0 ").then_some(hit.start..first + 3)
}

/// A line's number, with its column if `numbers` is 2, and the parenthesis that closes the frame.
fn position(text: &[u8], hit: Range<usize>, numbers: usize) -> Option<Range<usize>> {
    let mut at = hit.end;
    for number in 0..numbers {
        at += usize::from(number > 0 && text.get(at) == Some(&b':'));
        let digits = run(text, at, 8, |byte| byte.is_ascii_digit());
        at += if digits > 0 { digits } else { return None };
    }
    (text.get(at) == Some(&b')')).then_some(hit.start..at + 1)
}

fn digits(text: &[u8], hit: Range<usize>) -> Option<Range<usize>> {
    let digits = run(text, hit.end, 8, |byte| byte.is_ascii_digit());
    (digits > 0).then_some(hit.start..hit.end + digits)
}

/// `orders.rb:12:in `.
fn ruby(text: &[u8], hit: Range<usize>) -> Option<Range<usize>> {
    let end = digits(text, hit.clone())?.end;
    text.get(end..)?.starts_with(b":in ").then_some(hit.start..end + 4)
}

/// `root:x:0:0:` of passwd(5), `root:$6$` of shadow(5).
fn account(text: &[u8], hit: Range<usize>) -> Option<Range<usize>> {
    let rest = text.get(hit.end..)?;
    if let Some(hash) = rest.strip_prefix(b"$") {
        let method = run(hash, 0, 8, |byte| byte.is_ascii_alphanumeric());
        let ends = hash.get(method) == Some(&b'$');
        return (method > 0 && ends).then_some(hit.start..hit.end + method + 2);
    }
    let password = run(rest, 0, 106, |byte| byte.is_ascii_graphic() && byte != b':');
    let ids = b":0:0:";
    rest.get(password..)?.starts_with(ids).then_some(hit.start..hit.end + password + ids.len())
}

#[cfg(test)]
mod tests {
    use crate::detect::leak::tests::leaks;
    use crate::flow::Leak::{SqlErrors, StackTraces, SystemFiles};

    #[test]
    fn databases_complain() {
        for text in [
            "ERROR:  syntax error at or near \"UNION\" at character 42",
            "{\"error\":\"SQLSTATE[42000]: You\"}",
            "ORA-01756: quoted",
            "org.postgresql.util.PSQLException: x",
        ] {
            assert_eq!(leaks(text).first().map(|(leak, _)| *leak), Some(SqlErrors), "{text}");
        }
        assert_eq!(leaks("ORA-123 and ORA-1234567"), []);
    }

    #[test]
    fn call_stacks_have_frames() {
        let java = "at shop.Orders.find(Orders.java:42)\\n\\tat shop.Main.main(Main.java:7)";
        assert_eq!(leaks(java), [(StackTraces, ".java:42)"), (StackTraces, ".java:7)")]);
        assert_eq!(leaks("at find (/app/orders.js:12:5)"), [(StackTraces, ".js:12:5)")]);
        assert_eq!(leaks("goroutine 18 [running]:"), [(StackTraces, "goroutine 18 [running]:")]);
        assert_eq!(leaks("Stack trace:\n#0 /app/x.php(3)"), [(StackTraces, "Stack trace:\n#0 ")]);
        assert_eq!(leaks("app/orders.rb:12:in `find'"), [(StackTraces, ".rb:12:in ")]);
        assert_eq!(leaks("see Orders.java:42 and main.js:1:2"), []);
    }

    #[test]
    fn account_files_have_root() {
        assert_eq!(leaks("root:x:0:0:root:/root:/bin/bash"), [(SystemFiles, "root:x:0:0:")]);
        assert_eq!(leaks("\"root:$6$salt$hash:19000:0\""), [(SystemFiles, "root:$6$")]);
        assert_eq!(leaks("root: x:0:0: root:$ root:x:1000:0:"), []);
    }
}
