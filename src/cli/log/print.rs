//! Lines as people read them, so that no terminal acts on what they hold.

use crate::record::redact::escape_again;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use std::fmt;
use std::io::{self, Write};

/// One line, evidence below it.
pub(super) fn brief(line: &Value, out: &mut impl Write) -> io::Result<()> {
    let text = |field: &str| safe(line.get(field));
    let (what, why, about) = match kind_of(line) {
        "judged" => {
            (verdict(line), text("reason"), format!("{} {}  {}", text("action"), text("resource"), text("event")))
        }
        "handshake" => ("deny".into(), text("reason"), format!("TLS handshake {}  {}", text("claimed"), text("event"))),
        "repeat" => (
            format!("{}x", text("count")),
            text("reason"),
            format!("not written, {} to {}", text("first"), text("last")),
        ),
        "allowed" => (
            "allow".into(),
            text("rule"),
            format!("{} requests, {} bytes in, {} out", text("requests"), text("bytes_in"), text("bytes_out")),
        ),
        "learned" => (
            "learned".into(),
            String::new(),
            format!(
                "{} {}, {} requests, {} succeeded",
                text("action"),
                text("path"),
                text("requests"),
                text("succeeded")
            ),
        ),
        "reload" => {
            ("reload".into(), text("outcome"), format!("{} {} {}", text("what"), text("problems"), text("weakens")))
        }
        "flow" => (
            safe(line.get("verdict")),
            text("rule"),
            format!(
                "{} times to {} {}, {} bytes out, {} in",
                text("times"),
                text("name"),
                text("address"),
                text("bytes_out"),
                text("bytes_in")
            ),
        ),
        "statement" => (
            safe(line.get("verdict")),
            text("rule"),
            format!(
                "{} times by {} in {}, {} failed, {} rows, {} s: {}",
                text("times"),
                text("user"),
                text("database"),
                text("failed"),
                text("rows"),
                text("seconds"),
                text("original")
            ),
        ),
        "gap" => (
            "gap".into(),
            "lines lost".into(),
            format!(
                "{} (queue full {}, over rate {}, not written {})",
                text("lost"),
                text("queue_full"),
                text("over_rate"),
                text("write_failed")
            ),
        ),
        "start" => ("start".into(), String::new(), format!("{} {}", text("version"), text("listeners"))),
        "stop" => ("stop".into(), text("why"), String::new()),
        "panic" => ("panic".into(), String::new(), format!("{}  {}", text("message"), text("event"))),
        other => (escape_again(other), String::new(), String::new()),
    };
    let who = if line.get("caller").is_some_and(Value::is_string) { text("caller") } else { text("from") };
    let who = who.strip_prefix("spiffe://").unwrap_or(&who).to_owned();
    writeln!(out, "{:<24} {what:<7} {why:<28} {who:<40} {about}", text("time"))?;
    for evidence in line.get("evidence").and_then(Value::as_array).into_iter().flatten() {
        let text = |field: &str| safe(evidence.get(field));
        let place = format!("{}/{} in {} {}", text("detector"), text("signature"), text("place"), text("name"));
        writeln!(out, "    {place}: {}«{}»{}", text("before"), text("matched"), text("after"))?;
    }
    Ok(())
}

/// `deny`, or what a laxer mode made of it: `deny?` was let through.
fn verdict(line: &Value) -> String {
    let denied_in_vain =
        line.get("verdict").is_some_and(|v| v == "deny") && line.get("mode").is_some_and(|m| m != "enforce");
    format!("{}{}", safe(line.get("verdict")), if denied_in_vain { "?" } else { "" })
}

/// Every field of a line, in the line's order.
pub(super) fn full(line: &str, out: &mut impl Write) -> io::Result<()> {
    for (field, value) in fields(line) {
        let one = || fields(value.get()).first().map(|_| vec![value.clone()]);
        let parts: Vec<Box<RawValue>> = serde_json::from_str(value.get()).ok().or_else(one).unwrap_or_default();
        let parts: Vec<(String, Box<RawValue>)> = parts.iter().flat_map(|part| fields(part.get())).collect();
        for (name, value) in &parts {
            writeln!(out, "{:<18} {:<10} {}", escape_again(&field), escape_again(name), plain(value))?;
        }
        if parts.is_empty() {
            writeln!(out, "{:<18} {}", escape_again(&field), plain(&value))?;
        }
    }
    writeln!(out)
}

/// The fields of an object as they stand.
fn fields(object: &str) -> Vec<(String, Box<RawValue>)> {
    serde_json::from_str(object).map(|Fields(fields)| fields).unwrap_or_default()
}

fn plain(value: &RawValue) -> String {
    safe(serde_json::from_str(value.get()).ok().as_ref())
}

/// An object's fields in its own order, which a map would lose.
struct Fields(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        from.deserialize_map(InOrder)
    }
}

/// A value as text that no terminal acts on.
fn safe(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => escape_again(text),
        Some(Value::Array(items)) => items.iter().map(|item| safe(Some(item))).collect::<Vec<_>>().join(", "),
        Some(other) => escape_again(&other.to_string()),
    }
}

fn kind_of(line: &Value) -> &str {
    line.get("line").and_then(Value::as_str).unwrap_or_default()
}

pub(super) fn kind(line: &str) -> String {
    serde_json::from_str::<Value>(line).map(|line| kind_of(&line).to_owned()).unwrap_or_default()
}
