//! Values that stand for themselves by their shape: UUIDs and times. Records are full of them, and there is no room in them for
//! anything that a language could take for its own, nor for an encoding of it.

use super::Classes;

/// What UUIDs and times are made of.
const MARKS: Classes = Classes::of("a0-:.+");
const DASH: Classes = Classes::of("-");

/// Whether `value`, of these classes, is a UUID or a time.
#[inline]
pub(super) fn is_one(value: &[u8], classes: Classes) -> bool {
    classes.only(MARKS) && classes.has(DASH) && (is_uuid(value, classes) || is_time(value))
}

/// RFC 9562 §4: `7c9e6679-7425-40de-944b-e07fc1f90ae7`.
fn is_uuid(value: &[u8], classes: Classes) -> bool {
    let Ok(value) = <&[u8; 36]>::try_from(value) else { return false };
    let [_, _, _, _, _, _, _, _, b'-', _, _, _, _, b'-', _, _, _, _, b'-', _, _, _, _, b'-', ..] = value else {
        return false;
    };
    classes.only_hex() && value.iter().fold(0, |dashes, byte| dashes + u8::from(*byte == b'-')) == 4
}

/// RFC 3339 §5.6, with or without its offset: `2026-03-14T09:26:53.123Z`.
fn is_time(value: &[u8]) -> bool {
    const SHAPE: [u8; 19] = *b"0000-00-00T00:00:00";
    let Some((time, rest)) = value.split_first_chunk::<19>() else { return false };
    let fits = |(byte, shape): (&u8, &u8)| (*shape == b'0' && byte.is_ascii_digit()) | (byte == shape);
    let shaped = time.iter().zip(&SHAPE).fold(true, |all, pair| all & fits(pair));
    shaped && rest.len() <= MAX_REST && rest.iter().all(|byte| byte.is_ascii_digit() || b".Z+-:".contains(byte))
}

/// A fraction of nine digits and an offset: `.123456789+02:00`.
const MAX_REST: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn is_one(value: &str) -> bool {
        super::is_one(value.as_bytes(), Classes::in_bytes(value.as_bytes()))
    }

    #[test]
    fn uuid_has_its_dashes_and_hex_digits() {
        assert!(is_one("7c9e6679-7425-40de-944b-e07fc1f90ae7"));
        assert!(is_one("7C9E6679-7425-40DE-944B-E07FC1F90AE7"));
        assert!(!is_one("7c9e6679-7425-40de-944b-e07fc1f90aeg"));
        assert!(!is_one("7c9e6679-7425-40de-944b-e07fc1f90a--"));
        assert!(!is_one("7c9e66797-425-40de-944b-e07fc1f90ae7"));
        assert!(!is_one("7c9e6679-7425-40de-944b-e07fc1f90ae71"));
        assert!(!is_one("7c9e6679-7425-40de-944b-e07fc1f90ae"));
    }

    #[test]
    fn time_has_its_marks_and_digits() {
        for time in ["2026-03-14T09:26:53Z", "2026-03-14T09:26:53", "2026-03-14T09:26:53.123456789+02:00"] {
            assert!(is_one(time), "{time}");
        }
        for other in ["2026-03-14", "2026-03-14T09:26:5aZ", "2026-03-14T09:26:53 or", "2026-03-14T09:26:53+union"] {
            assert!(!is_one(other), "{other}");
        }
        assert!(!is_one(&format!("2026-03-14T09:26:53.{}", "1".repeat(MAX_REST))));
    }
}
