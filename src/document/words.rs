//! A schema in words: what it expects, which choices and fields it has, and which of them is near to what was written.

use super::tree::Data;
use super::units::{self, ByteSize, HumanDuration};
use serde_json::Value;

/// The kinds of value that a schema tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Null,
    Bool,
    Integer,
    Number,
    Text,
    List,
    Mapping,
}

impl Kind {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "null" => Self::Null,
            "boolean" => Self::Bool,
            "integer" => Self::Integer,
            "number" => Self::Number,
            "string" => Self::Text,
            "array" => Self::List,
            "object" => Self::Mapping,
            _ => return None,
        })
    }

    /// The kinds that a schema takes; empty when it takes all.
    pub(super) fn of_schema(schema: &Value) -> Vec<Self> {
        match schema.get("type") {
            Some(Value::String(name)) => Self::named(name).into_iter().collect(),
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).filter_map(Self::named).collect(),
            _ if choices(schema).is_some() => vec![Self::Text],
            _ => Vec::new(),
        }
    }

    pub(super) fn takes(self, data: &Data) -> bool {
        match data {
            Data::Null => self == Self::Null,
            Data::Bool(_) => self == Self::Bool,
            Data::Integer(_) => matches!(self, Self::Integer | Self::Number),
            Data::Float(_) => self == Self::Number,
            Data::Text(_) => self == Self::Text,
            Data::Sequence(_) => self == Self::List,
            Data::Mapping(_) => self == Self::Mapping,
        }
    }
}

/// A format: its name in the schema, whether a text has it, and what it is in words.
type Format = (&'static str, fn(&str) -> bool, &'static str);

const FORMATS: &[Format] = &[
    ("human-duration", |text| HumanDuration::parse(text).is_some(), units::DURATION),
    ("byte-size", |text| ByteSize::parse(text).is_some(), units::BYTES),
    ("date", is_date, "a date such as `2027-01-31`"),
    ("ip", |text| text.parse::<std::net::IpAddr>().is_ok(), "an IP address"),
    (
        "socket-address",
        |text| text.parse::<std::net::SocketAddr>().is_ok(),
        "an address with a port such as `127.0.0.1:15090` or `[::1]:15090`",
    ),
];

fn format(schema: &Value) -> Option<&'static Format> {
    let name = schema.get("format")?.as_str()?;
    FORMATS.iter().find(|(known, _, _)| *known == name)
}

/// Whether a text has the format that the schema asks for; formats of others are not ours to judge.
pub(super) fn has_format(schema: &Value, text: &str) -> bool {
    format(schema).is_none_or(|(_, fits, _)| fits(text))
}

fn is_date(text: &str) -> bool {
    time::Date::parse(text, time::macros::format_description!("[year]-[month]-[day]")).is_ok()
}

/// What a schema expects, in words.
pub(super) fn expected(schema: &Value) -> String {
    if let Some(choices) = choices(schema) {
        return one_of(&choices);
    }
    if let Some((_, _, words)) = format(schema) {
        return (*words).to_owned();
    }
    if Kind::of_schema(schema) == [Kind::Null] {
        return String::new(); // leaving it out is never the advice
    }
    let kinds: Vec<String> =
        Kind::of_schema(schema).into_iter().filter_map(|kind| kind_in_words(kind, schema)).collect();
    let alternatives = ["anyOf", "oneOf"].iter().filter_map(|key| schema.get(key)?.as_array()).flatten();
    let alternatives: Vec<&Value> = alternatives.collect();
    match (kinds.is_empty(), alternatives.is_empty()) {
        (false, _) => kinds.join(" or "),
        (true, false) => expected_of_all(&alternatives),
        (true, true) => "a value".to_owned(),
    }
}

/// What several alternatives expect together.
pub(super) fn expected_of_all(branches: &[&Value]) -> String {
    let mut words: Vec<String> = Vec::new();
    let chosen: Vec<String> = branches.iter().filter_map(|branch| choices(branch)).flatten().collect();
    if !chosen.is_empty() {
        words.push(one_of(&chosen));
    }
    for branch in branches.iter().filter(|branch| choices(branch).is_none()) {
        let word = expected(branch);
        if !word.is_empty() && !words.contains(&word) {
            words.push(word);
        }
    }
    words.join(" or ")
}

fn kind_in_words(kind: Kind, schema: &Value) -> Option<String> {
    Some(match kind {
        Kind::Null => return None,
        Kind::Bool => "`true` or `false`".to_owned(),
        Kind::Integer | Kind::Number => match range(schema) {
            (Some(least), Some(most)) => format!("a number from {least} to {most}"),
            (Some(least), None) => format!("a number from {least}"),
            (None, Some(most)) => format!("a number up to {most}"),
            (None, None) => "a number".to_owned(),
        },
        Kind::Text => match schema.get("pattern").and_then(Value::as_str) {
            Some(pattern) => format!("text that matches `{pattern}`"),
            None => "text".to_owned(),
        },
        Kind::List => "a list".to_owned(),
        Kind::Mapping => "a mapping".to_owned(),
    })
}

/// The least and the largest number that a schema takes.
pub(super) fn range(schema: &Value) -> (Option<f64>, Option<f64>) {
    let of_type = match schema.get("format").and_then(Value::as_str) {
        Some("uint8") => Some(f64::from(u8::MAX)),
        Some("uint16") => Some(f64::from(u16::MAX)),
        Some("uint32") => Some(f64::from(u32::MAX)),
        _ => None,
    };
    let number = |key| schema.get(key).and_then(Value::as_f64);
    (number("minimum"), number("maximum").or(of_type))
}

/// The values of an enumeration; nothing if the schema is something else.
pub(super) fn choices(schema: &Value) -> Option<Vec<String>> {
    if let Some(only) = schema.get("const") {
        return Some(vec![spelled(only)]);
    }
    if let Some(Value::Array(all)) = schema.get("enum") {
        return Some(all.iter().map(spelled).collect());
    }
    let Some(Value::Array(all)) = schema.get("oneOf") else { return None };
    let each: Option<Vec<Vec<String>>> = all.iter().map(choices).collect();
    each.map(|each| each.into_iter().flatten().collect())
}

fn spelled(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// `a`, `b` or `c`.
pub(super) fn one_of(names: &[String]) -> String {
    const SHOWN: usize = 16;
    let quoted: Vec<String> = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    match quoted.as_slice() {
        [] => "nothing".to_owned(),
        [only] => only.clone(),
        _ if names.len() > SHOWN => format!("one of {}, …", quoted.join(", ")),
        _ => format!("one of {}", quoted.join(", ")),
    }
}

/// The names of a mapping's fields.
pub(super) fn fields(schema: &Value) -> Vec<String> {
    let known = schema.get("properties").and_then(Value::as_object);
    known.map(|known| known.keys().cloned().collect()).unwrap_or_default()
}

/// What the keys of a mapping without fixed fields look like.
pub(super) fn key_pattern(schema: &Value) -> String {
    match schema.get("patternProperties").and_then(Value::as_object).and_then(|patterns| patterns.keys().next()) {
        Some(pattern) if pattern.contains("\\d") => "a number as the key".to_owned(),
        Some(pattern) => format!("a key that matches `{pattern}`"),
        None => "no field".to_owned(),
    }
}

/// ``did you mean `principal`?``, or nothing when no name is near.
pub(super) fn did_you_mean<'a>(given: &str, known: impl Iterator<Item = &'a str>) -> String {
    nearest(given, known).map(|name| format!("did you mean `{name}`?")).unwrap_or_default()
}

/// The name that differs least: by at most a third of its letters, letter case and separators not counted.
pub fn nearest<'a>(given: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    const LONGEST: usize = 64;
    let plain = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_lowercase();
    let wanted = plain(given);
    if wanted.is_empty() || wanted.len() > LONGEST {
        return None;
    }
    let near = known.map(|name| (strsim::damerau_levenshtein(&wanted, &plain(name)), name));
    let near = near.filter(|(distance, name)| *distance <= (name.len().max(wanted.len()) / 3).max(1));
    near.min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}
