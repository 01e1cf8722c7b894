//! Amounts as people write them: `30s`, `5m`, `256KiB`. A time without a unit is refused; bytes without one are bytes.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// A length of time: whole numbers with `ms`, `s`, `m`, `h` or `d`, also in a row (`1h30m`). At most 10 years.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct HumanDuration(pub Duration);

/// A number of bytes: a whole number, alone or with `B`, `KiB`, `MiB`, `GiB` (1024) or `kB`, `MB`, `GB` (1000).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ByteSize(pub u64);

/// What [`HumanDuration`] expects, in words.
pub(super) const DURATION: &str = "a length of time such as `250ms`, `30s`, `5m`, `1h30m`";
/// What [`ByteSize`] expects, in words.
pub(super) const BYTES: &str = "a number of bytes such as `65536`, `256KiB`, `1MiB`";

const TIME_UNITS: &[(&str, u64)] = &[("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
const SIZE_UNITS: &[(&str, u64)] = &[
    ("", 1),
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("kB", 1000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
];

impl HumanDuration {
    const LONGEST_MILLIS: u64 = 10 * 366 * 86_400_000;

    /// Reads `1h30m`; nothing if it is something else.
    pub fn parse(text: &str) -> Option<Self> {
        let mut rest = text;
        let mut millis = 0_u64;
        while !rest.is_empty() {
            let (amount, after) = number(rest)?;
            let unit_end = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
            let (unit, after) = after.split_at_checked(unit_end)?;
            millis = millis.checked_add(amount.checked_mul(factor(TIME_UNITS, unit)?)?)?;
            rest = after;
        }
        let known = !text.is_empty() && millis <= Self::LONGEST_MILLIS;
        known.then(|| Self(Duration::from_millis(millis)))
    }
}

impl ByteSize {
    /// Reads `256KiB`; nothing if it is something else.
    pub fn parse(text: &str) -> Option<Self> {
        let (amount, unit) = number(text)?;
        amount.checked_mul(factor(SIZE_UNITS, unit)?).map(Self)
    }
}

/// The whole number at the beginning, and the rest.
fn number(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end)?;
    Some((digits.parse().ok()?, rest))
}

fn factor(units: &[(&str, u64)], unit: &str) -> Option<u64> {
    units.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor)
}

/// The largest unit that gives a whole number.
fn write_whole(f: &mut fmt::Formatter<'_>, amount: u64, units: &[(&str, u64)]) -> fmt::Result {
    let fits = |unit: &&(&str, u64)| amount >= unit.1 && amount.is_multiple_of(unit.1);
    let (name, factor) = units
        .iter()
        .filter(fits)
        .max_by_key(|unit| unit.1)
        .copied()
        .unwrap_or(units.first().copied().unwrap_or(("", 1)));
    write!(f, "{}{name}", amount / factor)
}

impl fmt::Display for HumanDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_whole(f, u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX), TIME_UNITS)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_whole(f, self.0, SIZE_UNITS.get(..5).unwrap_or_default())
    }
}

impl Serialize for HumanDuration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for ByteSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for HumanDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom(DURATION))
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ByteSizeVisitor)
    }
}

struct ByteSizeVisitor;

impl Visitor<'_> for ByteSizeVisitor {
    type Value = ByteSize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(BYTES)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<ByteSize, E> {
        Ok(ByteSize(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<ByteSize, E> {
        u64::try_from(value).map(ByteSize).map_err(|_| E::custom(BYTES))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<ByteSize, E> {
        ByteSize::parse(text).ok_or_else(|| E::custom(BYTES))
    }
}

impl JsonSchema for HumanDuration {
    fn schema_name() -> Cow<'static, str> {
        "HumanDuration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "human-duration", "description": "A length of time: `250ms`, `30s`, `5m`, `1h30m`." })
    }
}

impl JsonSchema for ByteSize {
    fn schema_name() -> Cow<'static, str> {
        "ByteSize".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["integer", "string"], "minimum": 0, "format": "byte-size", "description": "A number of bytes: `65536`, `256KiB`, `1MiB`." })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        let millis = |text| HumanDuration::parse(text).map(|d| d.0.as_millis());
        assert_eq!(millis("250ms"), Some(250));
        assert_eq!(millis("1h30m"), Some(5_400_000));
        assert_eq!(millis("0s"), Some(0));
        for wrong in ["", "30", "s", "1.5s", "-1s", "1 s", "1w", "99999999999999999999s", "3661d"] {
            assert_eq!(millis(wrong), None, "{wrong}");
        }
        assert!(millis("3660d").is_some());
    }

    #[test]
    fn sizes_may_be_plain() {
        let bytes = |text| ByteSize::parse(text).map(|b| b.0);
        assert_eq!(bytes("65536"), Some(65536));
        assert_eq!(bytes("256KiB"), Some(256 * 1024));
        assert_eq!(bytes("1MB"), Some(1_000_000));
        for wrong in ["", "KiB", "1.5MiB", "1 MiB", "-1", "1kib", "99999999999999GiB"] {
            assert_eq!(bytes(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn amounts_are_written_as_they_are_read() {
        assert_eq!(HumanDuration::parse("90s").unwrap().to_string(), "90s");
        assert_eq!(HumanDuration::parse("3600s").unwrap().to_string(), "1h");
        assert_eq!(HumanDuration::default().to_string(), "0ms");
        assert_eq!(ByteSize(256 * 1024).to_string(), "256KiB");
        assert_eq!(ByteSize(1000).to_string(), "1000B");
        assert_eq!(ByteSize(0).to_string(), "0");
    }
}
