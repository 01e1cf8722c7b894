//! Keys and tokens by their published shapes.

use super::{Sign, begins_word, is_word, run};
use crate::flow::Leak;
use std::ops::Range;

pub(super) const SIGNS: &[Sign] = &[
    Sign { leak: Leak::PrivateKeys, literal: "PRIVATE KEY-----", read: armour, partial: false },
    Sign { leak: Leak::PrivateKeys, literal: "PRIVATE KEY BLOCK-----", read: armour, partial: false },
    Sign::plain(Leak::PrivateKeys, "PuTTY-User-Key-File-"),
    key("AKIA", |text, hit| token(text, hit, 16..=16, |byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())),
    key("ASIA", |text, hit| token(text, hit, 16..=16, |byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())),
    key("aws_secret_access_key", secret),
    key("SecretAccessKey", secret),
    key("AccountKey=", |text, hit| token(text, hit, 88..=88, is_base64)),
    key("AIza", |text, hit| token(text, hit, 35..=35, is_url)),
    key("ya29.", |text, hit| token(text, hit, 20..=200, is_url)),
    key("ghp_", |text, hit| token(text, hit, 36..=36, is_word)),
    key("gho_", |text, hit| token(text, hit, 36..=36, is_word)),
    key("ghu_", |text, hit| token(text, hit, 36..=36, is_word)),
    key("ghs_", |text, hit| token(text, hit, 36..=36, is_word)),
    key("ghr_", |text, hit| token(text, hit, 36..=80, is_word)),
    key("github_pat_", |text, hit| token(text, hit, 22..=90, is_word)),
    key("glpat-", |text, hit| token(text, hit, 20..=64, is_url)),
    key("xoxb-", |text, hit| token(text, hit, 20..=120, is_url)),
    key("xoxp-", |text, hit| token(text, hit, 20..=120, is_url)),
    key("sk_live_", |text, hit| token(text, hit, 16..=128, is_word)),
    key("rk_live_", |text, hit| token(text, hit, 16..=128, is_word)),
    key("npm_", |text, hit| token(text, hit, 36..=36, is_word)),
    key("dop_v1_", |text, hit| token(text, hit, 64..=64, |byte| byte.is_ascii_hexdigit())),
    key("hvs.", |text, hit| token(text, hit, 24..=200, is_url)),
];

const fn key(literal: &'static str, read: super::Reader) -> Sign {
    Sign { leak: Leak::CloudCredentials, literal, read, partial: false }
}

/// `-----BEGIN EC PRIVATE KEY-----` (RFC 7468 §10), found by its end.
fn armour(text: &[u8], hit: Range<usize>) -> Option<Range<usize>> {
    const BEGIN: &[u8] = b"-----BEGIN ";
    let from = hit.start.saturating_sub(BEGIN.len() + 20);
    let before = text.get(from..hit.start)?;
    let at = memchr::memmem::rfind(before, BEGIN)?;
    let label = before.get(at + BEGIN.len()..)?;
    let plain = label.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b' ');
    plain.then_some(from + at..hit.end)
}

/// A token of so many characters behind its prefix, which begins a word.
fn token(
    text: &[u8],
    hit: Range<usize>,
    length: std::ops::RangeInclusive<usize>,
    is: fn(u8) -> bool,
) -> Option<Range<usize>> {
    let found = run(text, hit.end, length.end() + 1, is);
    (length.contains(&found) && begins_word(text, hit.start)).then_some(hit.start..hit.end + found)
}

/// Forty characters of base64 behind the name, with what assigns or encloses them between.
fn secret(text: &[u8], hit: Range<usize>) -> Option<Range<usize>> {
    let between = run(text, hit.end, 8, |byte| matches!(byte, b'=' | b':' | b'"' | b'\'' | b' ' | b'\\' | b'>'));
    let at = hit.end + between;
    (between > 0 && run(text, at, 41, is_base64) == 40).then_some(at..at + 40)
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

fn is_url(byte: u8) -> bool {
    is_word(byte) || matches!(byte, b'-' | b'.')
}

#[cfg(test)]
mod tests {
    use crate::detect::leak::tests::leaks;
    use crate::flow::Leak::{CloudCredentials, PrivateKeys};

    #[test]
    fn private_keys_are_known_by_their_armour() {
        for label in ["", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "] {
            let armour = format!("-----BEGIN {label}PRIVATE KEY-----");
            assert_eq!(leaks(&format!("{{\"k\":\"{armour}\\nMIIE\"}}")), [(PrivateKeys, &*armour)]);
        }
        assert_eq!(leaks("-----END PRIVATE KEY-----"), []);
        assert_eq!(leaks("-----BEGIN certificate or PRIVATE KEY-----"), []);
    }

    #[test]
    fn tokens_have_their_length() {
        let of = |prefix: &str, length: usize| format!("{prefix}{}", "A1".repeat(length).split_at(length).0);
        for (prefix, length) in [("AKIA", 16), ("AIza", 35), ("ghp_", 36), ("github_pat_", 60), ("sk_live_", 24)] {
            let token = of(prefix, length);
            assert_eq!(leaks(&format!("\"{token}\"")), [(CloudCredentials, &*token)]);
            assert_eq!(leaks(&format!("\"x{token}\"")), [], "{token}");
        }
        assert_eq!(leaks(&of("AKIA", 17)), []);
        assert_eq!(leaks(&of("AKIA", 15)), []);
    }

    #[test]
    fn only_the_secret_behind_a_name_is_found() {
        let secret = "a1B2".repeat(10);
        assert_eq!(leaks(&format!("aws_secret_access_key = {secret}\n")), [(CloudCredentials, &*secret)]);
        assert_eq!(leaks(&format!("\"SecretAccessKey\":\"{secret}\"")), [(CloudCredentials, &*secret)]);
        assert_eq!(leaks(&format!("aws_secret_access_key = {secret}X")), []);
    }
}
