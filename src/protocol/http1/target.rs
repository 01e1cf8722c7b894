//! The four forms of a request target (RFC 9112 §3.2) and where path and query stand in it.

use super::Span;
use super::line::{TARGET_BYTE, is_target};
use crate::canon::host;
use crate::flow::{Kind, Reason};
use crate::protocol::head::Form;

/// The target has none of the forms that its method allows.
pub const FORM: Reason =
    Reason::new("http1-target-form", Kind::Malformed, "the target has none of the forms that its method allows");
/// An absolute target of another scheme.
pub const SCHEME: Reason =
    Reason::new("http1-target-scheme", Kind::Malformed, "the target's scheme is not http or https");

/// A target taken apart; offsets into the head's buffer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    pub form: Form,
    pub whole: Span,
    pub authority: Span,
    pub path: Span,
    pub query: Option<Span>,
    /// 443 for `https`, else 80.
    pub default_port: u16,
}

impl Target {
    /// Takes the target apart that stands at `offset`.
    pub(super) fn read(method: &[u8], target: &[u8], offset: usize) -> Result<Self, Reason> {
        if !target.iter().all(|b| is_target(*b)) {
            return Err(TARGET_BYTE);
        }
        let span = |part: &[u8]| Span::of(target, part, offset);
        let made = |form, authority: &[u8], rest: &[u8], default_port| {
            let (path, query) = split_query(rest);
            Self {
                form,
                whole: span(target),
                authority: span(authority),
                path: span(path),
                query: query.map(span),
                default_port,
            }
        };
        let nothing = target.get(..0).unwrap_or_default();
        match (target, method) {
            (_, b"CONNECT") => authority(target).map(|whole| made(Form::Authority, whole, nothing, 443)),
            ([b'/', ..], _) => Ok(made(Form::Origin, nothing, target, 80)),
            (b"*", b"OPTIONS") => Ok(made(Form::Asterisk, nothing, target, 80)),
            _ => {
                let (authority, rest, port) = absolute(target)?;
                Ok(made(Form::Absolute, authority, rest, port))
            }
        }
    }
}

fn authority(target: &[u8]) -> Result<&[u8], Reason> {
    let host = host::parse(target)?;
    host.port.map(|_| target).ok_or(FORM)
}

fn absolute(target: &[u8]) -> Result<(&[u8], &[u8], u16), Reason> {
    let colon = target.windows(3).position(|three| three == b"://").ok_or(FORM)?;
    let (scheme, rest) = target.split_at_checked(colon).ok_or(FORM)?;
    let port = match scheme {
        s if s.eq_ignore_ascii_case(b"http") => 80,
        s if s.eq_ignore_ascii_case(b"https") => 443,
        _ => return Err(SCHEME),
    };
    let rest = rest.get(3..).unwrap_or_default();
    let end = rest.iter().position(|b| matches!(b, b'/' | b'?')).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at_checked(end).ok_or(FORM)?;
    Ok((authority, rest, port))
}

fn split_query(rest: &[u8]) -> (&[u8], Option<&[u8]>) {
    let Some(mark) = memchr::memchr(b'?', rest) else { return (rest, None) };
    let (path, query) = rest.split_at_checked(mark).unwrap_or((rest, &[]));
    (path, query.get(1..))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(method: &str, target: &str) -> Result<(Form, String, String, Option<String>), Reason> {
        let read = Target::read(method.as_bytes(), target.as_bytes(), 0)?;
        let text = |span: Span| span.text(target.as_bytes()).to_owned();
        Ok((read.form, text(read.authority), text(read.path), read.query.map(text)))
    }

    #[test]
    fn four_forms() {
        let read = |method, target| form(method, target).unwrap();
        assert_eq!(read("GET", "/a?b?c"), (Form::Origin, String::new(), "/a".into(), Some("b?c".into())));
        assert_eq!(read("GET", "HTTP://h:8/a"), (Form::Absolute, "h:8".into(), "/a".into(), None));
        assert_eq!(read("GET", "http://h?q"), (Form::Absolute, "h".into(), String::new(), Some("q".into())));
        assert_eq!(read("CONNECT", "h:443"), (Form::Authority, "h:443".into(), String::new(), None));
        assert_eq!(read("OPTIONS", "*").0, Form::Asterisk);
    }

    #[test]
    fn other_forms_are_refused() {
        for (method, target, why) in [
            ("GET", "*", FORM),
            ("GET", "a/b", FORM),
            ("GET", "h:443", FORM),
            ("CONNECT", "/a", host::BYTE),
            ("CONNECT", "h", FORM),
            ("GET", "ftp://h/", SCHEME),
            ("GET", "/a#b", TARGET_BYTE),
            ("GET", "/\u{e9}", TARGET_BYTE),
        ] {
            assert_eq!(form(method, target), Err(why), "{method} {target}");
        }
    }
}
