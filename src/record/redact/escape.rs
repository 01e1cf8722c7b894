//! Text that cannot disguise itself: what a terminal or a reader might act on instead of show is spelled out.

use std::fmt::Write;

/// Appends hostile bytes as text. Control, bidi, format, private and unassigned characters, line separators, odd spaces
/// and combining marks become `\u{…}`; bytes that are no UTF-8 become `\xff`. A backslash that could be taken for the
/// beginning of either is itself spelled out, so that the text reads back one way only.
pub(super) fn escape(bytes: &[u8], out: &mut String) {
    for chunk in bytes.utf8_chunks() {
        escape_text(chunk.valid(), out);
        for byte in chunk.invalid() {
            // Writing to a String cannot fail.
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
}

/// The same for what has been escaped before and comes back from a file: backslashes stay as they are.
pub fn escape_again(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    text.chars().for_each(|c| push(c, &mut out));
    out
}

fn escape_text(text: &str, out: &mut String) {
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let after = rest.as_str();
        if c == '\\' && (after.starts_with("u{") || after.starts_with('x')) {
            out.push_str("\\u{5c}");
        } else {
            push(c, out);
        }
    }
}

fn push(c: char, out: &mut String) {
    if is_plain(c) {
        out.push(c);
    } else {
        let _ = write!(out, "\\u{{{:x}}}", u32::from(c)); // writing to a String cannot fail
    }
}

/// Whether a character shows as itself and as nothing else. The standard library's notion of what to print in
/// debugging output, less a few letters that are blank.
fn is_plain(c: char) -> bool {
    match c {
        ' '..='~' => true,
        '\0'..='\u{a0}' => false,
        // Hangul fillers and the empty Braille pattern count as letters but show nothing.
        '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' | '\u{2800}' => false,
        _ => c.escape_debug().len() == 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(bytes: &[u8]) -> String {
        let mut out = String::new();
        escape(bytes, &mut out);
        out
    }

    #[test]
    fn plain_text_stays() {
        assert_eq!(escaped("O'Reilly \"x\" \\ /päth 漢字 {a}".as_bytes()), "O'Reilly \"x\" \\ /päth 漢字 {a}");
    }

    #[test]
    fn terminal_sequences_are_spelled_out() {
        assert_eq!(escaped(b"a\x1b[31mb\r\n\x7f"), "a\\u{1b}[31mb\\u{d}\\u{a}\\u{7f}");
        assert_eq!(escaped("\u{9b}31m".as_bytes()), "\\u{9b}31m");
    }

    #[test]
    fn disguises_are_spelled_out() {
        for c in
            ['\u{202e}', '\u{2066}', '\u{200b}', '\u{feff}', '\u{2028}', '\u{e0041}', '\u{ad}', '\u{301}', '\u{3164}']
        {
            assert_eq!(escaped(c.to_string().as_bytes()), format!("\\u{{{:x}}}", u32::from(c)));
        }
    }

    #[test]
    fn what_looks_escaped_reads_back_one_way() {
        assert_eq!(escaped(br"\u{1b}"), r"\u{5c}u{1b}");
        assert_eq!(escaped(br"\xff"), r"\u{5c}xff");
        assert_eq!(escaped(b"\xff\xfe"), r"\xff\xfe");
        assert_eq!(escape_again("\\u{1b} \u{1b}"), "\\u{1b} \\u{1b}");
    }
}
