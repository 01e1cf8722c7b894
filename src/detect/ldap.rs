//! LDAP filter injection (RFC 4515): a value that closes the parenthesis it stands in and goes on as a filter, or that is a
//! filter of its own with a condition that never or always holds.
//!
//! Steps: at most 2 for each byte.

use super::{Detector, Wake};
use crate::canon::cursor;
use crate::flow::{Found, Fuel, Hit, Part, Weight};

/// The registered detector.
pub(super) static LDAP: Ldap = Ldap;

/// Looks for LDAP filter injection.
#[derive(Debug)]
pub(super) struct Ldap;

/// Values beyond this are documents; a filter that an application builds is shorter.
const MAX_BYTES: usize = 2048;

impl Detector for Ldap {
    fn name(&self) -> &'static str {
        "ldap"
    }

    fn wakes(&self) -> Wake {
        Wake {
            literals: &[":2.5.13.", ":1.2.840.113556."],
            bytes: &["(=a)", "(=a*", "*)\0", "(|&)", ")(&", "*(|", "(=a|", ")(=a"],
        }
    }

    fn inspect(&self, part: &Part<'_>, found: &mut Found, fuel: &mut Fuel) {
        let value = part.canonical.as_ref();
        if value.len() > MAX_BYTES || fuel.spend(2 * value.len()).is_err() {
            return;
        }
        if let Some((at, weight)) = leaves_filter(value) {
            let range = at..value.len();
            found.add(part, Hit { detector: "ldap", signature: "ldap-filter".into(), range, weight: Weight(weight) });
        }
    }
}

/// Where the value leaves the filter it stands in, and how much that weighs.
fn leaves_filter(value: &[u8]) -> Option<(usize, u16)> {
    if value.starts_with(b"*") && value.ends_with(b"\0") && value.contains(&b')') {
        return Some((0, 100));
    }
    if value.starts_with(b"*()|&") {
        return Some((0, 100));
    }
    let mut depth = 0_i32;
    let mut left = None;
    for (at, byte) in value.iter().enumerate() {
        match byte {
            b')' => {
                depth -= 1;
                left = left.or((depth < 0).then_some(at));
            }
            b'(' => {
                depth += 1;
                let begun = left.or_else(|| wildcard_before(value, at));
                if let Some(start) = begun
                    && is_filter(value.get(at + 1..)?)
                {
                    return Some((start, 100));
                }
            }
            b' ' | b'*' | b'!' | b'&' | b'|' => {}
            _ => left = None,
        }
    }
    matching_rule(value).or_else(|| whole_filter(value))
}

/// `attribute:2.5.13.18:=value`: an assertion that names its matching rule by number, which only a filter does.
fn matching_rule(value: &[u8]) -> Option<(usize, u16)> {
    let at = cursor::find_exact(value, b":=")?;
    let before = value.get(..at)?;
    let number = before.iter().rev().take_while(|b| b.is_ascii_digit() || **b == b'.').count();
    let name = before.get(..before.len() - number)?.strip_suffix(b":")?;
    let numbered = RULES.iter().any(|rule| before.get(before.len() - number..).unwrap_or_default().starts_with(rule));
    (numbered && name.last().is_some_and(u8::is_ascii_alphanumeric)).then_some((0, 100))
}

/// Where the numbers of matching rules begin: those of X.520 and of Active Directory.
const RULES: &[&[u8]] = &[b"2.5.13.", b"1.2.840.113556."];

/// `*(|(mail=*`: a wildcard ends the value, and a further filter begins.
fn wildcard_before(value: &[u8], at: usize) -> Option<usize> {
    let before = value.get(..at)?.trim_ascii_end();
    let combines = matches!(value.get(at + 1), Some(b'|' | b'&' | b'!'));
    (combines && before.ends_with(b"*")).then_some(0)
}

/// Whether an assertion or a combination of them stands here, behind its parenthesis: `uid=*`, `|(uid=*`, `&)`.
fn is_filter(rest: &[u8]) -> bool {
    let marks = rest.iter().take_while(|byte| matches!(byte, b'&' | b'|' | b'!' | b'(' | b' ')).count();
    let rest = rest.get(marks..).unwrap_or_default();
    let name = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b';' | b':' | b'_');
    let length = rest.iter().take(80).take_while(name).count();
    let behind = rest.get(length..).unwrap_or_default().trim_ascii_start();
    if marks > 0 && (rest.is_empty() || rest.starts_with(b")")) {
        return true;
    }
    let begins = rest.first().is_some_and(u8::is_ascii_alphanumeric);
    begins
        && (behind.starts_with(b"=")
            || behind.starts_with(b"~=")
            || behind.starts_with(b">=")
            || behind.starts_with(b"<="))
        && !behind.starts_with(b"==")
}

/// A filter from the first byte to the last: ordinary for directories, but for a condition on a constant or a password.
fn whole_filter(value: &[u8]) -> Option<(usize, u16)> {
    let combined = [&b"(&("[..], b"(|(", b"(!("].iter().any(|start| value.starts_with(start));
    if !combined || !value.ends_with(b")") || !is_filter(value.get(1..)?) {
        return None;
    }
    let constant = [&b"(1=0)"[..], b"(1=1)", b"(0=1)"].iter().any(|part| cursor::find_exact(value, part).is_some());
    Some((0, if constant { 100 } else { 40 }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weight(value: &str) -> u16 {
        leaves_filter(value.as_bytes()).map_or(0, |(_, weight)| weight)
    }

    #[test]
    fn value_that_closes_its_filter_is_denied() {
        for value in [
            "bob)(pin=*",
            "bob)(&)",
            "*)(|(&",
            "*)(cn=*))(|(cn=*",
            "bob)(|(pin=*))",
            "*)(sn:2.5.13.5:=x",
            "*(|(sn=*)",
            "*))\0",
            ")(!(&(1=0",
            "*)!(sn=*",
            "bob)&(cn=root",
            "userPassword:2.5.13.18:=x",
        ] {
            assert_eq!(weight(value), 100, "{value}");
        }
    }

    #[test]
    fn filter_on_a_constant_is_denied() {
        assert_eq!(weight("(&(cn=bob)(!(&(1=0)(pin=q))))"), 100);
        assert_eq!(weight("(&(objectClass=person)(cn=bob))"), 40);
    }

    #[test]
    fn balanced_parentheses_are_nothing() {
        for value in ["f(x) = (y)", "((age=3 and size=4) or (name=*bob*))", ":) (really)", "a) first (b=2) then"] {
            assert_eq!(weight(value), 0, "{value}");
        }
    }
}
