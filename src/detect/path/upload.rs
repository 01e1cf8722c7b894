//! Names of uploads that a server would run.

use crate::canon::cursor;
use crate::flow::{Part, Place};

/// Whether a part names an upload that a server would run.
pub(super) fn is_script(part: &Part<'_>) -> bool {
    names_an_upload(part) && is_program(&part.canonical)
}

/// `/a.php;.png`, `/a.jsp%00.jpg`: an ending that runs, a mark at which some servers stop reading, an ending that others
/// go by.
pub(super) fn hides_behind_another(path: &[u8]) -> bool {
    let Some(dot) = path.iter().rposition(|b| *b == b'.') else { return false };
    let (before, ending) = path.split_at_checked(dot).unwrap_or_default();
    let marks =
        before.iter().rev().take_while(|b| !b.is_ascii_alphanumeric() && !matches!(b, b'/' | b'.' | b'-' | b'_'));
    let escaped = before.strip_suffix(b"\\u003b").or(before.strip_suffix(b"\\u0000"));
    let name = escaped.unwrap_or(before.get(..before.len() - marks.count()).unwrap_or_default());
    let letters = ending.get(1..).unwrap_or_default();
    let shown = (2..=4).contains(&letters.len()) && letters.iter().all(u8::is_ascii_alphanumeric);
    shown && name.len() < before.len() && is_program(name)
}

/// The name of an uploaded file, in its place or in a header made for it.
fn names_an_upload(part: &Part<'_>) -> bool {
    let header = matches!(part.place, Place::HeaderValue)
        && cursor::contains(&part.name, b"file")
        && cursor::contains(&part.name, b"name");
    header || part.place == Place::FileName
}

/// Whether a server would run a file of this name, or revive a session from it; dots and blanks behind the ending do not count.
fn is_program(name: &[u8]) -> bool {
    let end = name.iter().rposition(|b| !matches!(b, b'.' | b' ' | 0)).map_or(0, |at| at + 1);
    let name = name.get(..end).unwrap_or_default();
    let base = name.rsplit(|b| matches!(b, b'/' | b'\\')).next().unwrap_or_default();
    if cursor::starts_with(base, b"sess_")
        && base.len() >= 20
        && base.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_')
    {
        return true;
    }
    let Some(dot) = name.iter().rposition(|b| *b == b'.') else { return false };
    let ending = name.get(dot + 1..).unwrap_or_default().trim_ascii();
    let stem = ending.iter().position(u8::is_ascii_digit).and_then(|at| ending.get(..at)).unwrap_or(ending);
    cursor::is_one_of(
        stem,
        &[
            "asa", "asp", "aspx", "cer", "cfm", "htaccess", "jsp", "jspf", "jspx", "phar", "php", "phps", "pht",
            "phtm", "phtml", "shtml",
        ],
    )
}
