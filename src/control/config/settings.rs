//! Every setting there is, as the schema says: its path, its variable, what it means and what it takes. The schema is
//! the one source; nothing is listed twice.

use super::Config;
use crate::document;
use serde_json::Value;

/// One setting.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// The way to it from the top.
    pub path: Vec<Step>,
    /// What it means.
    pub meaning: String,
    /// What it takes, in words: `a number of bytes`, `true or false`.
    pub takes: String,
    /// What it is when nothing is written; nothing when it must be written, or when it is absent then.
    pub default: Option<Value>,
    /// Whether it holds other settings, rather than being one.
    pub holds_others: bool,
    /// Whether every value of it is text, so that a variable's value is not to be read as YAML.
    pub(super) is_text: bool,
}

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A field.
    Field(String),
    /// An item of a list.
    Item,
    /// An entry of a mapping whose keys the user chooses.
    Entry,
}

/// Every setting, in the order of the schema, outer ones before what they hold.
pub fn settings() -> Vec<Setting> {
    let schema = document::schema::<Config>();
    let mut found = Vec::new();
    let mut waiting = vec![(Vec::new(), &schema, None)];
    while let Some((path, at, default)) = waiting.pop() {
        let inner = inside(&schema, at);
        let default = default.or_else(|| inner.get("default").or_else(|| at.get("default")).cloned());
        let below = steps(inner).into_iter().map(|(step, below)| {
            let of_field = match (&step, &default) {
                (Step::Field(name), Some(Value::Object(all))) => all.get(name).cloned(),
                _ => None,
            };
            ([path.clone(), vec![step]].concat(), below, of_field)
        });
        let below: Vec<_> = below.collect();
        if !path.is_empty() {
            found.push(setting(path, at, inner, default, !below.is_empty()));
        }
        waiting.extend(below.into_iter().rev());
    }
    found
}

impl Setting {
    /// `limits.head_bytes`, `listeners[].listen`, `pod.labels.*`.
    pub fn name(&self) -> String {
        self.path.iter().fold(String::new(), |name, step| match step {
            Step::Field(field) if name.is_empty() => field.clone(),
            Step::Field(field) => format!("{name}.{field}"),
            Step::Item => format!("{name}[]"),
            Step::Entry => format!("{name}.*"),
        })
    }

    /// `PODWALL_LIMITS_HEAD_BYTES`, `PODWALL_LISTENERS_0_LISTEN`.
    pub fn variable(&self) -> String {
        let words = self.path.iter().map(|step| match step {
            Step::Field(field) => field.to_uppercase(),
            Step::Item => "0".to_owned(),
            Step::Entry => "NAME".to_owned(),
        });
        ["PODWALL".to_owned()].into_iter().chain(words).collect::<Vec<_>>().join("_")
    }

    /// The keys that a variable's name (without `PODWALL_`) means by this setting, if it does: `listeners`, `0`, `tls`.
    pub(super) fn keys(&self, variable: &str) -> Option<Vec<String>> {
        let mut rest = variable;
        let mut keys = Vec::new();
        for (at, step) in self.path.iter().enumerate() {
            if at > 0 {
                rest = rest.strip_prefix('_')?;
            }
            let (key, after) = match step {
                Step::Field(field) => (field.clone(), rest.strip_prefix(&field.to_uppercase())?),
                Step::Item => {
                    let (digits, after) = rest.split_at_checked(rest.bytes().take_while(u8::is_ascii_digit).count())?;
                    (digits.to_owned(), after)
                }
                Step::Entry => (rest.to_lowercase(), ""),
            };
            if key.is_empty() {
                return None;
            }
            rest = after;
            keys.push(key);
        }
        rest.is_empty().then_some(keys)
    }
}

fn setting(path: Vec<Step>, at: &Value, inner: &Value, default: Option<Value>, holds_others: bool) -> Setting {
    let text = |value: &Value| value.get("description").and_then(Value::as_str).map(str::to_owned);
    let meaning = text(at).or_else(|| text(inner)).unwrap_or_default();
    let is_text = inner.get("type").is_some_and(|kind| kind == "string") || has_choices(inner);
    Setting {
        path,
        meaning: meaning.split_whitespace().collect::<Vec<_>>().join(" "),
        takes: takes(inner),
        default: default.filter(|value| !value.is_null()),
        holds_others,
        is_text,
    }
}

/// What a schema is behind its references; of an optional one, what it is when it is there.
fn inside<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let mut at = schema;
    // No schema of ours nests references deeper.
    for _ in 0..16 {
        let referred = at.get("$ref").and_then(Value::as_str).and_then(|path| root.pointer(path.strip_prefix('#')?));
        let there =
            || at.get("anyOf")?.as_array()?.iter().find(|branch| branch.get("type").is_none_or(|t| t != "null"));
        let only = || at.get("allOf")?.as_array()?.first();
        match referred.or_else(there).or_else(only) {
            Some(next) => at = next,
            None => break,
        }
    }
    at
}

fn steps(schema: &Value) -> Vec<(Step, &Value)> {
    let fields = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    let mut found: Vec<_> = fields.map(|(name, below)| (Step::Field(name.clone()), below)).collect();
    found.extend(schema.get("items").map(|below| (Step::Item, below)));
    found
        .extend(schema.get("additionalProperties").filter(|below| below.is_object()).map(|below| (Step::Entry, below)));
    found
}

fn has_choices(schema: &Value) -> bool {
    !choices(schema).is_empty()
}

fn choices(schema: &Value) -> Vec<&str> {
    let one = schema.get("const").into_iter();
    let several = schema.get("enum").and_then(Value::as_array).into_iter().flatten();
    let described = schema.get("oneOf").and_then(Value::as_array).into_iter().flatten();
    one.chain(several).chain(described.filter_map(|branch| branch.get("const"))).filter_map(Value::as_str).collect()
}

fn takes(schema: &Value) -> String {
    let choices = choices(schema);
    if !choices.is_empty() {
        return choices.join(" | ");
    }
    match schema.get("format").and_then(Value::as_str) {
        Some("human-duration") => return "time (`250ms`, `30s`, `5m`)".to_owned(),
        Some("byte-size") => return "bytes (`65536`, `256KiB`)".to_owned(),
        Some("socket-address") => return "address:port".to_owned(),
        _ => {}
    }
    let bound = |name: &str| schema.get(name).and_then(Value::as_u64);
    let kind = match schema.get("type") {
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null"),
        other => other.and_then(Value::as_str),
    };
    match (kind, bound("minimum"), bound("maximum")) {
        (Some("integer"), Some(least), Some(most)) => format!("number {least} to {most}"),
        (Some("integer"), Some(least), None) => format!("number from {least}"),
        (Some("integer"), ..) => "number".to_owned(),
        (Some("boolean"), ..) => "true | false".to_owned(),
        (Some("array"), ..) => "list".to_owned(),
        (Some("object"), ..) => "mapping".to_owned(),
        _ => "text".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> Setting {
        settings().into_iter().find(|setting| setting.name() == name).unwrap_or_else(|| panic!("no {name}"))
    }

    #[test]
    fn every_setting_says_what_it_means() {
        for setting in settings() {
            let item = setting.path.last() == Some(&Step::Item) || setting.path.last() == Some(&Step::Entry);
            assert!(item || setting.meaning.ends_with('.'), "{}: {}", setting.name(), setting.meaning);
        }
    }

    #[test]
    fn settings_know_their_defaults() {
        assert_eq!(named("limits.head_bytes").default, Some("32KiB".into()));
        assert_eq!(named("limits.headers").default, Some(100.into()));
        assert_eq!(named("admin.listen").default, Some("127.0.0.1:15020".into()));
        assert_eq!(named("listeners[].direction").default, Some("inbound".into()));
        assert_eq!(named("listeners[].listen").default, None);
        assert_eq!(named("record.file.keep").default, Some(4.into()));
    }

    #[test]
    fn settings_know_what_they_take() {
        assert_eq!(named("limits.head_bytes").takes, "bytes (`65536`, `256KiB`)");
        assert_eq!(named("limits.headers").takes, "number 1 to 256");
        assert_eq!(named("listeners[].ports[].tls").takes, "strict | permissive | off");
        assert_eq!(named("record.stdout").takes, "true | false");
        assert_eq!(named("listeners[].upstream").takes, "address:port");
    }

    #[test]
    fn variables_name_settings() {
        let tls = named("listeners[].ports[].tls");
        assert_eq!(tls.variable(), "PODWALL_LISTENERS_0_PORTS_0_TLS");
        assert_eq!(tls.keys("LISTENERS_1_PORTS_12_TLS").unwrap(), ["listeners", "1", "ports", "12", "tls"]);
        assert_eq!(tls.keys("LISTENERS_PORTS_12_TLS"), None);
        assert_eq!(named("pod.labels.*").keys("POD_LABELS_APP").unwrap(), ["pod", "labels", "app"]);
    }
}
