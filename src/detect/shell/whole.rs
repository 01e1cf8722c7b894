//! Values that are nothing but one construct of a shell, where an argument stands: no separator shows where the command
//! begins, because all of the value is one.

use super::commands::{self, END};
use crate::canon::cursor::{Cursor, contains, is_one_of};
use crate::detect::context::Strength::Strong;
use crate::detect::finding::Finding;

/// Longer values are more than one construct.
const MAX_BYTES: usize = 80;

/// The construct that all of the value is.
pub(super) fn find(bytes: &[u8]) -> Option<Finding> {
    let text = bytes.trim_ascii();
    if text.len() > MAX_BYTES {
        return None;
    }
    let name = match text.first()? {
        b'~' if is_directory(text) => "shell-expansion",
        b'$' if is_sum(text) => "shell-arithmetic",
        b'`' | b'$' | b'"' | b'\'' if is_substitution(text) => "shell-command",
        b'<' | b'>' if is_process(text) => "shell-process",
        b'a' | b'A' if is_alias(text) => "shell-alias",
        _ if is_piped(text) => "shell-command",
        _ => return None,
    };
    Some(Finding { strength: Strong, name, at: 0, end: bytes.len() })
}

/// `~+`, `~-`, `~-1`: the directory that the shell is in, was in, or has on its stack.
fn is_directory(text: &[u8]) -> bool {
    let sign = matches!(text.get(1), Some(b'+' | b'-'));
    sign && text.len() <= 4 && text.iter().skip(2).all(u8::is_ascii_digit)
}

/// `$((7*6))`, `$(($()42))`.
fn is_sum(text: &[u8]) -> bool {
    let Some(inside) = text.strip_prefix(b"$((").and_then(|rest| rest.strip_suffix(b"))")) else { return false };
    inside.iter().any(u8::is_ascii_digit) && inside.iter().all(|b| b.is_ascii_digit() || b"+-*/% ()$".contains(b))
}

/// `` `true` ``, `"$(id)"`: one command, given to whatever quotes the value.
fn is_substitution(text: &[u8]) -> bool {
    let quote = text.first().filter(|b| matches!(b, b'"' | b'\''));
    let inner = quote.map_or(Some(text), |quote| text.strip_prefix(&[*quote])?.strip_suffix(&[*quote]));
    let Some(inner) = inner else { return false };
    let command = inner
        .strip_prefix(b"`")
        .and_then(|rest| rest.strip_suffix(b"`"))
        .or_else(|| inner.strip_prefix(b"$(").and_then(|rest| rest.strip_suffix(b")")));
    let Some(command) = command.map(<[u8]>::trim_ascii) else { return false };
    is_one_of(command, &["exit", "false", "true"]) || commands::takes(command).is_some()
}

/// `<(command)`, `>(command)`.
fn is_process(text: &[u8]) -> bool {
    let inside = text.get(1..).and_then(|rest| rest.strip_prefix(b"(")).and_then(|rest| rest.strip_suffix(b")"));
    inside.is_some_and(|inside| inside.len() >= 2 && inside.first().is_some_and(u8::is_ascii_alphabetic))
}

/// `alias x=command`.
fn is_alias(text: &[u8]) -> bool {
    let mut cursor = Cursor::new(text, 0);
    if !cursor.eat(b"alias") || cursor.blanks() == 0 {
        return false;
    }
    if matches!(cursor.peek(), Some(b'-' | b'+')) {
        // Flags, as zsh has them.
        cursor.take_up_to(4, |b| b != b' ');
        cursor.blanks();
    }
    let name = cursor.take_up_to(32, |b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'"' | b'\''));
    !name.is_empty() && cursor.eat(b"=") && cursor.peek().is_some_and(|b| b > b' ' && b != b'=')
}

/// `id|`: a command whose output goes to the program that opens its argument, as Perl's does.
fn is_piped(text: &[u8]) -> bool {
    let Some(name) = text.strip_suffix(b"|").map(<[u8]>::trim_ascii_end) else { return false };
    let spoken = is_one_of(name, &["base", "date", "free", "history", "last", "set", "top", "tree", "users", "w"]);
    !spoken && !contains(name, b" ") && commands::takes(name).is_some_and(|takes| takes & END != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constructs_are_found() {
        for value in [
            "~+",
            "~-1",
            "$((6*7))",
            "`true`",
            "\"`id`\"",
            "'$(whoami)'",
            ">(sh)",
            "alias x=id",
            "alias +g x=id",
            "id|",
            "ls |",
        ] {
            assert!(find(value.as_bytes()).is_some(), "{value}");
        }
    }

    #[test]
    fn other_values_are_none() {
        for value in [
            "~",
            "~ada",
            "~-x",
            "$((total))",
            "`name`",
            "date|",
            "name|",
            "<(^_^)>",
            "alias of the host",
            "a|b",
            "|",
            "$(name)",
        ] {
            assert!(find(value.as_bytes()).is_none(), "{value}");
        }
    }
}
