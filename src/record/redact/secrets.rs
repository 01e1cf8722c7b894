//! Finds secrets in text that has no declared structure: the value after a telling name, the shapes of well-known
//! tokens, card numbers. Prefers to mask too much. Linear in the text.

use crate::canon::cards;
use aho_corasick::{AhoCorasick, MatchKind};
use std::ops::Range;

/// Words that, anywhere in a name of letters and digits only, make its value a secret.
const WITHIN: &[&str] = &[
    "password",
    "passwd",
    "passwort",
    "passphrase",
    "passcode",
    "pwd",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "privatekey",
    "encryptionkey",
    "signingkey",
    "masterkey",
    "authkey",
    "credential",
    "authorization",
    "sessionid",
    "sessid",
    "sessionkey",
    "cookie",
    "jwt",
    "signature",
    "cardnumber",
    "creditcard",
    "securitycode",
    "connectionstring",
];
/// Names that are secret as a whole, but harmless as part of another (`author`, `compass`).
const WHOLE: &[&str] = &[
    "auth", "pass", "userpass", "dbpass", "newpass", "oldpass", "pw", "pin", "pincode", "otp", "totp", "sid", "ssn",
    "cvv", "cvc", "cvv2", "pan", "iban", "session", "bearer", "xauth", "xkey",
];
/// What well-known tokens begin with, and how many token characters must follow.
const SHAPES: &[(&str, usize)] = &[
    ("eyJ", 16),
    ("AKIA", 16),
    ("ASIA", 16),
    ("ghp_", 20),
    ("gho_", 20),
    ("ghu_", 20),
    ("ghs_", 20),
    ("ghr_", 20),
    ("github_pat_", 20),
    ("glpat-", 16),
    ("xoxb-", 10),
    ("xoxp-", 10),
    ("xoxa-", 10),
    ("xoxs-", 10),
    ("xoxe-", 10),
    ("xapp-", 10),
    ("sk_live_", 10),
    ("sk_test_", 10),
    ("rk_live_", 10),
    ("whsec_", 16),
    ("sk-", 20),
    ("AIza", 30),
    ("ya29.", 16),
    ("npm_", 30),
    ("pypi-", 30),
    ("dop_v1_", 30),
    ("SG.", 30),
    ("hvs.", 20),
    ("hf_", 30),
    ("dckr_pat_", 20),
];
/// Authentication schemes whose credentials follow a space.
const SCHEMES: &[&str] = &["bearer", "basic", "digest", "negotiate", "apikey"];

/// Bytes of a name that are looked at on either side of a telling word.
const NAME_REACH: usize = 48;

/// Finds what must not be written. Built once, shared.
#[derive(Debug)]
pub(super) struct Secrets {
    names: AhoCorasick,
    shapes: AhoCorasick,
}

impl Secrets {
    pub(super) fn new() -> Self {
        let build = |words: Vec<String>, blind: bool| {
            AhoCorasick::builder()
                .ascii_case_insensitive(blind)
                .match_kind(MatchKind::LeftmostLongest)
                .build(words)
                .expect("a fixed list of short literals is far below the automaton's limits")
        };
        // Names may be spelled with separators (`api_key`): it is enough to be woken by a stem.
        let stems = [
            "pass",
            "pwd",
            "secret",
            "token",
            "key",
            "cred",
            "auth",
            "sess",
            "cookie",
            "jwt",
            "signature",
            "card",
            "credit",
            "security",
            "connection",
            "pw",
            "pin",
            "otp",
            "sid",
            "ssn",
            "cvv",
            "cvc",
            "pan",
            "iban",
            "bearer",
            "basic",
            "digest",
            "negotiate",
            "encr",
            "private",
            "access",
            "api",
        ];
        let mut shapes: Vec<String> = SHAPES.iter().map(|(prefix, _)| (*prefix).to_owned()).collect();
        shapes.extend(["://".to_owned(), "-----BEGIN ".to_owned()]);
        Self { names: build(stems.map(str::to_owned).to_vec(), true), shapes: build(shapes, false) }
    }

    /// Ranges of `text` that are secret: sorted, apart, not empty. `cut` says that the text goes on after its end, so a
    /// token that reaches it need not be whole.
    pub(super) fn find(&self, text: &[u8], cut: bool) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        self.named(text, &mut found);
        self.shaped(text, cut, &mut found);
        random_runs(text, &mut found);
        cards::find(text, &mut found);
        merge(found)
    }

    fn named(&self, text: &[u8], found: &mut Vec<Range<usize>>) {
        let mut covered = 0;
        for hit in self.names.find_iter(text) {
            // What lies within a value found before is masked already; looking again would cost quadratic time.
            if hit.start() < covered {
                continue;
            }
            let name = name_around(text, hit.range());
            let spelled = text.get(name.clone()).unwrap_or_default();
            let credentials = is_scheme(spelled).then(|| credentials_after(text, name.end)).flatten();
            let value = credentials.or_else(|| is_secret_name(spelled).then(|| value_after(text, &name)).flatten());
            // The rest of the name would give the same answer.
            covered = value.as_ref().map_or(name.end, |value| value.end);
            found.extend(value);
        }
    }

    fn shaped(&self, text: &[u8], cut: bool, found: &mut Vec<Range<usize>>) {
        let mut covered = 0;
        for hit in self.shapes.find_iter(text) {
            if hit.start() < covered {
                continue;
            }
            let range = match SHAPES.get(hit.pattern().as_usize()) {
                Some((_, least)) => token_at(text, hit.range(), *least, cut),
                None if hit.len() == 3 => password_of_authority(text, hit.end()),
                None => Some(hit.start()..private_key_end(text, hit.end())),
            };
            covered = range.as_ref().map_or(hit.end(), |range| range.end);
            found.extend(range);
        }
    }
}

/// Whether the value that goes by this name must not be written: `x-api-key`, `user[password]`, `sessionId`.
pub(super) fn is_secret_name(name: &[u8]) -> bool {
    let plain: String =
        name.iter().filter(|b| b.is_ascii_alphanumeric()).map(|b| char::from(b.to_ascii_lowercase())).collect();
    // The last word of `payment.card.pan` or `user[pin]` is the field itself.
    let last =
        name.rsplit(|b| matches!(b, b'.' | b'[' | b'/' | b':')).find(|word| !word.is_empty()).unwrap_or_default();
    let last: String =
        last.iter().filter(|b| b.is_ascii_alphanumeric()).map(|b| char::from(b.to_ascii_lowercase())).collect();
    WITHIN.iter().any(|word| plain.contains(word)) || WHOLE.contains(&plain.as_str()) || WHOLE.contains(&last.as_str())
}

fn is_scheme(name: &[u8]) -> bool {
    SCHEMES.iter().any(|scheme| name.eq_ignore_ascii_case(scheme.as_bytes()))
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'[' | b']' | b'$')
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'+' | b'/' | b'=' | b'~')
}

/// The name that a telling word is part of, as far as [`NAME_REACH`] on either side.
fn name_around(text: &[u8], word: Range<usize>) -> Range<usize> {
    let before = text.get(..word.start).unwrap_or_default().iter().rev().take(NAME_REACH);
    let after = text.get(word.end..).unwrap_or_default().iter().take(NAME_REACH);
    let left = before.take_while(|b| is_name_byte(**b)).count();
    let right = after.take_while(|b| is_name_byte(**b)).count();
    word.start - left..word.end + right
}

/// The value after a name: `=value`, `": "value"`, `>value<`, or the next segment of a path.
fn value_after(text: &[u8], name: &Range<usize>) -> Option<Range<usize>> {
    let mut at = name.end;
    at += run(text, at, 4, |b| matches!(b, b'"' | b'\'' | b'\\' | b'`' | b')'));
    at += run(text, at, 4, |b| matches!(b, b' ' | b'\t'));
    let sign = *text.get(at)?;
    at += 1;
    match sign {
        b'>' => ended(text, at, |b| b == b'<'),
        b'/' => ended(text, at, |b| matches!(b, b'/' | b'?' | b'#' | b'&' | b' ' | b'"' | b'\'')).filter(|value| {
            let segment = text.get(value.clone()).unwrap_or_default();
            segment.len() >= 8 && segment.iter().any(u8::is_ascii_digit)
        }),
        b'=' | b':' => {
            at += run(text, at, 1, |b| matches!(b, b'=' | b'>'));
            at += run(text, at, 4, |b| matches!(b, b' ' | b'\t'));
            let spelled = text.get(name.clone()).unwrap_or_default();
            assigned(text, at, sign == b':' && takes_line(spelled))
        }
        _ => None,
    }
}

/// Header fields whose value has inner spaces: `Authorization`, `X-Original-Cookie`.
fn takes_line(name: &[u8]) -> bool {
    [&b"authorization"[..], b"cookie"].iter().any(|field| {
        let end = name.len().checked_sub(field.len()).and_then(|at| name.get(at..));
        end.is_some_and(|end| end.eq_ignore_ascii_case(field))
    })
}

fn assigned(text: &[u8], at: usize, whole_line: bool) -> Option<Range<usize>> {
    let escapes = run(text, at, 3, |b| b == b'\\');
    match text.get(at + escapes) {
        Some(quote @ (b'"' | b'\'' | b'`')) => quoted(text, at + escapes + 1, *quote, escapes > 0),
        _ if whole_line => ended(text, at, |b| matches!(b, b'\r' | b'\n')),
        _ => ended(text, at, |b| matches!(b, b'&' | b'"' | b'\'' | b'`' | b'<' | b'>') || b.is_ascii_whitespace()),
    }
}

/// A quoted value: to the quote that closes it, or to the end.
fn quoted(text: &[u8], start: usize, quote: u8, escaped: bool) -> Option<Range<usize>> {
    let mut skip = false;
    let closes = |b: &u8| {
        if skip && !escaped {
            skip = false;
            return false;
        }
        skip = *b == b'\\';
        *b == quote
    };
    let rest = text.get(start..)?;
    let len = rest.iter().position(closes).unwrap_or(rest.len());
    (len > 0).then_some(start..start + len)
}

fn ended(text: &[u8], start: usize, ends: impl Fn(u8) -> bool) -> Option<Range<usize>> {
    let len = text.get(start..)?.iter().take_while(|b| !ends(**b)).count();
    (len > 0).then_some(start..start + len)
}

fn run(text: &[u8], at: usize, most: usize, takes: impl Fn(u8) -> bool) -> usize {
    text.get(at..).unwrap_or_default().iter().take(most).take_while(|b| takes(**b)).count()
}

/// `Bearer …`: what follows a scheme and a space, if it is no word of prose.
fn credentials_after(text: &[u8], end: usize) -> Option<Range<usize>> {
    let gap = run(text, end, 4, |b| matches!(b, b' ' | b'+' | b'\t'));
    let value = ended(text, end + gap, |b| !is_token_byte(b)).filter(|_| gap > 0)?;
    let spelled = text.get(value.clone())?;
    let is_word = spelled.iter().all(u8::is_ascii_lowercase);
    (spelled.len() >= 6 && !is_word).then_some(value)
}

fn token_at(text: &[u8], prefix: Range<usize>, least: usize, cut: bool) -> Option<Range<usize>> {
    let before = prefix.start.checked_sub(1).and_then(|at| text.get(at));
    if before.is_some_and(u8::is_ascii_alphanumeric) {
        return None;
    }
    let len = run(text, prefix.end, usize::MAX, |b| is_token_byte(b) && b != b'/');
    let open = cut && prefix.end + len == text.len();
    (len >= least || open).then_some(prefix.start..prefix.end + len)
}

/// The password of `://user:password@host`.
fn password_of_authority(text: &[u8], start: usize) -> Option<Range<usize>> {
    let authority = ended(text, start, |b| matches!(b, b'/' | b'?' | b'#' | b'"' | b'\'' | b'<' | b'>' | b' '))?;
    let spelled = text.get(authority.clone())?;
    let at = spelled.iter().rposition(|b| *b == b'@')?;
    let colon = spelled.get(..at)?.iter().position(|b| *b == b':')?;
    (colon + 1 < at).then_some(start + colon + 1..start + at)
}

/// The end of a PEM block, or of the text; of what is no private key, the end of its first line.
fn private_key_end(text: &[u8], start: usize) -> usize {
    let rest = text.get(start..).unwrap_or_default();
    let line = rest.get(..rest.len().min(40)).unwrap_or_default();
    if memchr::memmem::find(line, b"KEY").is_none() {
        return start;
    }
    memchr::memmem::find(rest, b"-----END ").map_or(text.len(), |end| start + end)
}

/// Runs of 32 and more characters that no one chose by hand: hex digits only, or all of upper case, lower case and digits.
fn random_runs(text: &[u8], found: &mut Vec<Range<usize>>) {
    let mut at = 0;
    for run in text.split(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))) {
        let hex = run.iter().all(u8::is_ascii_hexdigit);
        let has = |is: fn(&u8) -> bool| run.iter().any(is);
        let mixed = has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_digit);
        if run.len() >= 32 && (hex || mixed) {
            found.push(at..at + run.len());
        }
        at += run.len() + 1;
    }
}

pub(super) fn merge(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.sort_by_key(|range| (range.start, range.end));
    let mut merged: Vec<Range<usize>> = Vec::with_capacity(ranges.len());
    for range in ranges.into_iter().filter(|range| !range.is_empty()) {
        match merged.last_mut() {
            Some(last) if range.start < last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(text: &str) -> String {
        let mut out = String::new();
        let mut at = 0;
        for range in Secrets::new().find(text.as_bytes(), false) {
            out.push_str(&text[at..range.start]);
            out.push('#');
            at = range.end;
        }
        out + &text[at..]
    }

    #[test]
    fn values_of_telling_names_are_found() {
        for (text, expected) in [
            ("user=bob&password=hunter2&x=1", "user=bob&password=#&x=1"),
            (
                "{\"user\":\"bob\",\"pass_word\": \"a \\\" b\",\"x\":1}",
                "{\"user\":\"bob\",\"pass_word\": \"#\",\"x\":1}",
            ),
            ("{\\\"apiKey\\\":\\\"abc\\\"}", "{\\\"apiKey\\\":\\\"#\"}"),
            ("<Password>hunter2</Password>", "<Password>#</Password>"),
            ("user[password]=x", "user[password]=#"),
            ("Authorization: Basic dXNlcjpwYXNz", "Authorization: #"),
            ("Cookie: a=b; c=d\r\nHost: x", "Cookie: #\r\nHost: x"),
            ("x-api-key: abc def", "x-api-key: # def"),
            ("mysql -u root -p; pwd => 'x y'", "mysql -u root -p; pwd => '#'"),
            ("/reset/token/9f8e7d6c5b/now", "/reset/token/#/now"),
            ("redis://user:hunter2@cache:6379/0", "redis://user:#@cache:6379/0"),
            ("payment.card.pan=5", "payment.card.pan=#"),
        ] {
            assert_eq!(masked(text), expected);
        }
    }

    #[test]
    fn shapes_of_tokens_are_found() {
        for (text, expected) in [
            ("see eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln ok", "see # ok"),
            ("id AKIAIOSFODNN7EXAMPLE!", "id #!"),
            ("x ghp_0123456789abcdefghij y", "x # y"),
            ("curl -H 'Bearer abcDEF123'", "curl -H 'Bearer #'"),
            ("d41d8cd98f00b204e9800998ecf8427e", "#"),
            ("q=Zm9vYmFyMTIzNDU2Nzg5MGFiY2RlZmdoaQ", "q=#"),
            ("-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY-----", "#-----END RSA PRIVATE KEY-----"),
        ] {
            assert_eq!(masked(text), expected);
        }
    }

    #[test]
    fn ordinary_text_stays() {
        for text in [
            "/orders/550e8400-e29b-41d4-a716-446655440000/items?sort=asc",
            "1 UNION SELECT name, author FROM books -- compass=north",
            "4111111111111112",
            "1700000000000",
            "/oauth/token/revoke",
            "a basic training; monkey=1",
            "https://example.com:8080/a@b:c",
            "sk-short ghp_short eyJ",
        ] {
            assert_eq!(masked(text), text);
        }
    }

    #[test]
    fn token_that_is_cut_need_not_be_whole() {
        let secrets = Secrets::new();
        assert_eq!(secrets.find(b"x eyJhb", true).first(), Some(&(2..7)));
        assert!(secrets.find(b"x eyJhb", false).is_empty());
    }

    #[test]
    fn time_is_linear() {
        // Each of these once invites a second look at what has been looked at; a quadratic scan of 1 MiB takes minutes.
        for piece in ["password=", "password", "token/", "eyJ", "-----BEGIN KEY", "://", "\"key\":\"", "4 ", "bearer "]
        {
            let text = piece.repeat((1 << 20) / piece.len());
            let started = std::time::Instant::now();
            Secrets::new().find(text.as_bytes(), true);
            assert!(started.elapsed().as_secs() < 10, "{piece}");
        }
    }
}
