//! The path of a value in a JSON document, `order.items[3].note`, found again only where a record asks for it: building
//! it for every value would cost more than reading the document.

use super::lexer::{Lexer, Token};
use std::fmt::Write;

/// Longest path that is given; a longer one is cut.
const MAX_PATH: usize = 200;

/// Where on the way to a value we are.
#[derive(Clone, Copy)]
enum Step<'a> {
    Key(&'a [u8]),
    Index(usize),
}

/// The path of the value that stands at byte `at` of a JSON text; empty for a document that is a lone value. Linear in
/// `at`; keys are given as they stand, made printable.
pub fn path(text: &[u8], at: usize) -> String {
    let mut lexer = Lexer::new(text);
    let mut steps: Vec<Step<'_>> = Vec::new();
    let mut key_next = false;
    while let Some(token) = lexer.next() {
        match token {
            Token::Text { inside, .. } if key_next => {
                if let Some(last) = steps.last_mut() {
                    *last = Step::Key(inside);
                }
                key_next = false;
            }
            Token::Open(object) if lexer.at() <= at => {
                steps.push(if object { Step::Key(b"") } else { Step::Index(0) });
                key_next = object;
            }
            Token::Close(_) if lexer.at() <= at => {
                steps.pop();
                key_next = false;
            }
            Token::Comma => match steps.last_mut() {
                Some(Step::Index(index)) => *index += 1,
                Some(Step::Key(_)) => key_next = true,
                None => {}
            },
            _ => {}
        }
        if lexer.at() > at {
            break;
        }
    }
    render(&steps)
}

fn render(steps: &[Step<'_>]) -> String {
    let mut path = String::new();
    for step in steps {
        match step {
            Step::Key(key) => {
                let dot = if path.is_empty() { "" } else { "." };
                let _ = write!(path, "{dot}{}", key.escape_ascii()); // a String takes all that is written
            }
            Step::Index(index) => {
                let _ = write!(path, "[{index}]"); // a String takes all that is written
            }
        }
        if path.len() > MAX_PATH {
            path.truncate(MAX_PATH);
            return path;
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path_of(text: &str, value: &str) -> String {
        path(text.as_bytes(), text.find(value).unwrap())
    }

    #[test]
    fn path_names_keys_and_indexes() {
        let text = r#"{"id":1,"order":{"items":["a",{},{"note":"x"}],"by":"me"},"z":["q"]}"#;
        assert_eq!(path_of(text, "x"), "order.items[2].note");
        assert_eq!(path_of(text, "me"), "order.by");
        assert_eq!(path_of(text, "q"), "z[0]");
        assert_eq!(path_of("\"lone\"", "lone"), "");
        assert_eq!(path_of("[[1,\"v\"]]", "v"), "[0][1]");
    }

    #[test]
    fn path_is_cut_at_its_limit() {
        let text = format!("{}\"x\"", "{\"abcdefghi\":".repeat(40));
        assert_eq!(path_of(&text, "x").len(), MAX_PATH);
    }
}
