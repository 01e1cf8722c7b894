//! Characters of a path in every spelling that some decoder turns into a dot or a separator.

use crate::canon::cursor::{ByteSet, Cursor};

/// Whether a byte always means itself: it is no dot, no separator, no part of a spelling of one, and no junk that servers
/// drop.
pub(super) fn is_ordinary(byte: u8) -> bool {
    (b' '..0xc0).contains(&byte) && !matches!(byte, b'.' | b'/' | b'\\' | b'%' | b'0' | b';' | b'?')
}

/// One step of reading a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// `.`
    Dot,
    /// `/` or `\`
    Separator,
    /// Any other byte.
    Other(u8),
}

/// Reads one character in whatever spelling; tells whether the spelling hides it.
pub(super) fn token(cursor: &mut Cursor<'_>) -> (Token, bool) {
    let plain = |token| (token, false);
    match cursor.peek() {
        Some(b'.') => {
            cursor.skip(1);
            plain(Token::Dot)
        }
        Some(b'/' | b'\\') => {
            cursor.skip(1);
            plain(Token::Separator)
        }
        Some(first @ (b'%' | b'0' | 0xc0.. | 0x01)) if may_hide(first, cursor.peek_at(1)) => match hidden(cursor) {
            Some(token) => (token, true),
            None => plain(Token::Other(cursor.bump().unwrap_or(0))),
        },
        Some(byte) => {
            cursor.skip(1);
            plain(Token::Other(byte))
        }
        None => plain(Token::Separator),
    }
}

/// Whether a dot or a separator may be hidden anywhere.
pub(super) fn may_hide_any(bytes: &[u8]) -> bool {
    let all = bytes.iter().enumerate();
    all.filter(|(_, byte)| HIDING.has(**byte)).any(|(at, byte)| may_hide(*byte, bytes.get(at + 1).copied()))
}

/// The bytes that spellings begin with.
static HIDING: ByteSet = ByteSet::of(b"%0\x01\xc0\xc1\xe0\xe2\xee\xef\xf0\xf8\xfc");

/// Whether a spelling of the table, or an overlong one, can begin with these two bytes.
fn may_hide(first: u8, second: Option<u8>) -> bool {
    match first {
        b'0' => second == Some(b'x'),
        b'%' => second.is_some_and(|b| matches!(b | 0x20, b'2' | b'5' | b'b' | b'c' | b'u' | 0xe0)),
        0x01 | 0xc0 | 0xc1 | 0xee | 0xf8 | 0xfc => true,
        0xe0 | 0xf0 => second == Some(0x80),
        0xe2 => matches!(second, Some(0x80 | 0x81 | 0x88)),
        0xef => matches!(second, Some(0x80 | 0xb8 | 0xbc | 0xbf)),
        _ => false,
    }
}

/// Spellings of dots and separators that some decoder accepts, and what careless ones make of a few broken escapes.
#[rustfmt::skip] // a table
const SPELLINGS: &[(&[u8], Token)] = &[
    (b"%2e", Token::Dot), (b"%2f", Token::Separator), (b"%5c", Token::Separator), (b"0x2e", Token::Dot),
    (b"0x2f", Token::Separator), (b"0x5c", Token::Separator), (b"%uff0e", Token::Dot), (b"%u002e", Token::Dot),
    (b"%u2215", Token::Separator), (b"%u2216", Token::Separator), (b"%uff0f", Token::Separator),
    (b"%uff3c", Token::Separator), (b"%u002f", Token::Separator), (b"%u005c", Token::Separator),
    (b"%uefc8", Token::Separator), (b"%uf025", Token::Separator), (b"%c0%ae", Token::Dot),
    (b"%c0%af", Token::Separator), (b"%c1%9c", Token::Separator), (b"%bg%qf", Token::Separator),
    (b"%2%e", Token::Dot), (b"%2%f", Token::Separator), (b"%5%c", Token::Separator),
    (b"\xef\xb8\x92", Token::Separator), (b"\xef\xbc\x8e", Token::Dot), (b"\xef\xbc\x8f", Token::Separator),
    (b"\xef\xbc\xbc", Token::Separator), (b"\xe2\x88\x95", Token::Separator), (b"\xe2\x88\x96", Token::Separator),
    (b"\xe2\x81\x84", Token::Separator), (b"\xe2\x80\xa4", Token::Dot),
    (b"\xef\xbf\xbd\xef\xbf\xbd", Token::Separator), (b"\xef\x80\xa5", Token::Separator), (b"\xee\xbf\x88", Token::Separator),
    (b"\xc0\xee", Token::Dot), (b"\xc0\xfe", Token::Dot), (b"\xc0%qf", Token::Separator),
    (b"\xc0%9v", Token::Separator), (b"\xc1%8s", Token::Separator), (b"\xc1%pc", Token::Separator),
    (b"\xc1\x1c", Token::Separator), (b"\xc0\x1c", Token::Separator), (b"\xc1\xaf", Token::Separator),
    (b"%\xc0n", Token::Dot), (b"\xc0n", Token::Dot), (b"%\xc0^", Token::Dot), (b"\xc0^", Token::Dot),
    (b"\xc0.", Token::Dot), (b"\xc0/", Token::Separator), (b"\xc0\\", Token::Separator),
    (b"\x01\xc0%9v", Token::Separator),
];

fn hidden(cursor: &mut Cursor<'_>) -> Option<Token> {
    if let Some(token) = overlong(cursor) {
        return Some(token);
    }
    let (first, second) = (cursor.peek(), cursor.peek_at(1).map(|b| b.to_ascii_lowercase()));
    let begins = |spelling: &[u8]| spelling.first().copied() == first && spelling.get(1).copied() == second;
    SPELLINGS.iter().find(|(spelling, _)| begins(spelling) && cursor.eat(spelling)).map(|(_, token)| *token)
}

/// A character in more bytes of UTF-8 than it needs: `C0 AE`, `E0 80 AE`, up to six bytes.
fn overlong(cursor: &mut Cursor<'_>) -> Option<Token> {
    let (length, high) = match (cursor.peek()?, cursor.peek_at(1)?) {
        (0xc0, b @ 0x80..) => (2, b & 0x3f),
        (0xc1, b @ 0x80..) => (2, 0x40 | b & 0x3f),
        (0xe0, 0x80) => (3, 0),
        (0xf0, 0x80) => (4, 0),
        (0xf8, 0x80) => (5, 0),
        (0xfc, 0x80) => (6, 0),
        _ => return None,
    };
    let last = if length == 2 { high } else { cursor.peek_at(length - 1)? & 0x3f };
    let token = match last {
        b'.' => Token::Dot,
        b'/' | b'\\' => Token::Separator,
        0x1c if length > 2 => Token::Separator,
        _ => return None,
    };
    cursor.skip(length);
    Some(token)
}
