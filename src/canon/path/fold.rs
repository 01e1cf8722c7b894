//! Many paths become few templates: `/orders/1`, `/orders/2` … are `/orders/{id}`. What stands for one segment is
//! what tells things of one kind apart (numbers, UUIDs, long tokens, masked secrets), or what has more values than
//! [`MANY`] in one place. Input: canonical paths, or templates of this module. Linear in the input for each segment.

use std::collections::{BTreeMap, BTreeSet};

/// What stands for any one segment.
pub const ANY: &str = "{id}";

/// Different values in one place that are no longer told apart. An API has fewer names beside each other; a shop has
/// more customers.
pub const MANY: usize = 24;

/// Segments looked at; a longer path is no API's.
const SEGMENTS: usize = 32;

/// The template of each path, in order. A path that cannot be one (it does not begin with a slash, or holds a brace or an
/// asterisk of its own) is nothing.
pub fn templates<'p>(paths: impl Iterator<Item = &'p str>) -> Vec<Option<String>> {
    let mut split: Vec<Option<Vec<&str>>> = paths.map(segments).collect();
    for level in 0..SEGMENTS {
        let mut values: BTreeMap<Vec<&str>, BTreeSet<&str>> = BTreeMap::new();
        for path in split.iter().flatten() {
            if let (Some(before), Some(value)) = (path.get(..level), path.get(level)) {
                values.entry(before.to_vec()).or_default().insert(value);
            }
        }
        values.retain(|_, values| values.iter().filter(|value| !value.is_empty()).count() > MANY);
        if values.is_empty() {
            continue;
        }
        for path in split.iter_mut().flatten() {
            let many = path.get(..level).is_some_and(|before| values.contains_key(before));
            if let Some(value) = path.get_mut(level).filter(|value| many && !value.is_empty()) {
                *value = ANY;
            }
        }
    }
    split.into_iter().map(|path| Some(format!("/{}", path?.join("/")))).collect()
}

/// Its segments, those replaced that only tell things apart.
fn segments(path: &str) -> Option<Vec<&str>> {
    let all: Vec<&str> =
        path.strip_prefix('/')?.split('/').map(|one| if is_identifier(one) { ANY } else { one }).collect();
    let sound = |segment: &&str| *segment == ANY || !segment.contains(['{', '}', '*']);
    (all.len() <= SEGMENTS && all.iter().all(sound)).then_some(all)
}

/// A number, a UUID, a long token with digits in it, a masked secret.
fn is_identifier(segment: &str) -> bool {
    let digits = segment.bytes().filter(u8::is_ascii_digit).count();
    let hex = |text: &str| text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    let token = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'='));
    segment.contains("[masked:")
        || digits > 0 && digits == segment.len()
        || segment.len() >= 8 && digits > 0 && hex(segment)
        || segment.len() >= 20 && digits * 8 >= segment.len() && token(segment)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(paths: &[&str]) -> Vec<String> {
        templates(paths.iter().copied()).into_iter().map(|path| path.unwrap_or_default()).collect()
    }

    #[test]
    fn what_tells_things_apart_is_folded() {
        for id in [
            "7",
            "20261122",
            "6f1c2f6e-9a3b-4c52-9f1e-0a8c6a1b2c3d",
            "deadbeef1",
            "cus_9Jd82hs71HsK29dkQ",
            "[masked:1f2e3d4c]",
        ] {
            assert_eq!(folded(&[&format!("/orders/{id}/items")]), ["/orders/{id}/items"], "{id}");
        }
    }

    #[test]
    fn names_stay() {
        for path in ["/", "/v1/orders", "/orders/", "/oauth2/token", "/.well-known/openid-configuration", "/a%2Fb"] {
            assert_eq!(folded(&[path]), [path]);
        }
    }

    #[test]
    fn many_values_in_one_place_are_folded() {
        let paths = |count: usize| {
            (0..count).map(|n| format!("/users/{}/cart", char::from(b'a' + n as u8))).collect::<Vec<_>>()
        };
        let fold = |count: usize| {
            let paths = paths(count);
            folded(&paths.iter().map(String::as_str).collect::<Vec<_>>()).into_iter().collect::<BTreeSet<_>>()
        };
        assert_eq!(fold(MANY).len(), MANY);
        assert_eq!(fold(MANY + 1).into_iter().collect::<Vec<_>>(), ["/users/{id}/cart"]);
    }

    #[test]
    fn templates_stay_as_they_are() {
        assert_eq!(folded(&["/orders/{id}"]), ["/orders/{id}"]);
    }

    #[test]
    fn what_is_no_path_is_nothing() {
        assert_eq!(folded(&["*", "", "/{a}", "/a*", "/x{id}"]), [""; 5]);
        assert_eq!(
            folded(&[&"/a".repeat(SEGMENTS), &"/a".repeat(SEGMENTS + 1)]),
            ["/a".repeat(SEGMENTS), String::new()]
        );
    }
}
