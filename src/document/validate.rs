//! A tree against a JSON Schema (draft 2020-12, the part that schemars generates), reporting all problems.
//!
//! Stricter than the standard in one point: a mapping whose schema lists properties takes no others, also when the
//! schema does not say so. Of alternatives (`anyOf`, `oneOf`) the one that fits what stands there best is reported.
//! Recursion is bounded by the tree's depth, work by [`STEPS`].

use super::located::inside;
use super::problem::Problem;
use super::source::{Mark, Source};
use super::tree::{Data, Entry, Node, shortened};
use super::words::{self, Kind};
use regex::Regex;
use serde_json::Value;

/// Values looked at, alternatives counted each; far above what [`super::limits::NODES`] values need.
const STEPS: u32 = 4_000_000;

/// Everything that the schema does not allow.
pub(super) fn validate(schema: &Value, root: &Node, source: &Source) -> Vec<Problem> {
    let mut validator = Validator { schema, source, steps: STEPS, problems: Vec::new() };
    validator.check(schema, root, "");
    validator.problems
}

struct Validator<'a> {
    schema: &'a Value,
    source: &'a Source,
    steps: u32,
    problems: Vec<Problem>,
}

impl<'a> Validator<'a> {
    fn check(&mut self, schema: &'a Value, node: &Node, path: &str) {
        let Some(steps) = self.steps.checked_sub(1) else { return };
        self.steps = steps;
        let schema = resolve(self.schema, schema);
        if let Some(choices) = words::choices(schema) {
            return self.check_choice(&choices, node, path);
        }
        for part in list(schema, "allOf") {
            self.check(part, node, path);
        }
        let branches = branches(self.schema, schema);
        if !branches.is_empty() {
            return self.check_branches(&branches, node, path);
        }
        if !Kind::of_schema(schema).is_empty() && !accepts(schema, node) {
            return self.wrong_kind(&words::expected(schema), node, path);
        }
        match &node.data {
            Data::Mapping(entries) => self.check_mapping(schema, node, entries, path),
            Data::Sequence(items) => self.check_sequence(schema, node, items, path),
            Data::Text(text) => self.check_text(schema, node, text, path),
            Data::Integer(value) => self.check_number(schema, node, *value as f64, path),
            Data::Float(value) => self.check_number(schema, node, *value, path),
            Data::Null | Data::Bool(_) => {}
        }
    }

    fn check_choice(&mut self, choices: &[String], node: &Node, path: &str) {
        let given = match &node.data {
            Data::Text(text) => text.clone(),
            Data::Integer(number) => number.to_string(),
            Data::Bool(value) => value.to_string(),
            _ => String::new(),
        };
        if !choices.contains(&given) {
            let problem = self.problem(node.mark, path).found(node.describe()).expected(words::one_of(choices));
            self.problems.push(problem.remedy(words::did_you_mean(&given, choices.iter().map(String::as_str))));
        }
    }

    /// Reports against the alternative that fits best; none if one fits.
    fn check_branches(&mut self, branches: &[&'a Value], node: &Node, path: &str) {
        let fitting: Vec<&Value> = branches.iter().copied().filter(|branch| accepts(branch, node)).collect();
        let (choosing, shaped): (Vec<&Value>, Vec<&Value>) =
            fitting.iter().copied().partition(|branch| words::choices(branch).is_some());
        let choices: Vec<String> = choosing.iter().filter_map(|branch| words::choices(branch)).flatten().collect();
        match shaped.as_slice() {
            [] if choices.is_empty() => self.wrong_kind(&words::expected_of_all(branches), node, path),
            [] => self.check_choice(&choices, node, path),
            _ if matches!(&node.data, Data::Text(text) if choices.contains(text)) => {}
            [only] => self.check(only, node, path),
            several => {
                let reports = several.iter().map(|branch| self.tried(branch, node, path));
                let best = reports.min_by_key(Vec::len).unwrap_or_default();
                self.problems.extend(best);
            }
        }
    }

    /// What this alternative would report.
    fn tried(&mut self, branch: &'a Value, node: &Node, path: &str) -> Vec<Problem> {
        let before = std::mem::take(&mut self.problems);
        self.check(branch, node, path);
        std::mem::replace(&mut self.problems, before)
    }

    fn check_mapping(&mut self, schema: &'a Value, node: &Node, entries: &[Entry], path: &str) {
        let properties = schema.get("properties").and_then(Value::as_object);
        for entry in entries {
            let field = inside(path, &entry.key);
            if let Some(names) = schema.get("propertyNames") {
                let key = Node { mark: entry.key_mark, data: Data::Text(entry.key.clone()) };
                self.check(names, &key, &field);
            }
            match properties.and_then(|known| known.get(&entry.key)).or_else(|| by_pattern(schema, &entry.key)) {
                Some(of_value) => self.check(of_value, &entry.value, &field),
                None => match schema.get("additionalProperties") {
                    Some(others @ Value::Object(_)) => self.check(others, &entry.value, &field),
                    Some(Value::Bool(true)) => {}
                    None if properties.is_none() => {}
                    _ => self.unknown_field(schema, entry, &field),
                },
            }
        }
        for name in list(schema, "required").iter().filter_map(Value::as_str) {
            if !entries.iter().any(|entry| entry.key == name) {
                self.missing_field(properties.and_then(|known| known.get(name)), name, node, path);
            }
        }
    }

    fn unknown_field(&mut self, schema: &Value, entry: &Entry, field: &str) {
        let problem = self.problem(entry.key_mark, field).found(format!("unknown field `{}`", shortened(&entry.key)));
        let known: Vec<String> = words::fields(schema);
        let remedy = words::did_you_mean(&entry.key, known.iter().map(String::as_str));
        let expected = if known.is_empty() { words::key_pattern(schema) } else { words::one_of(&known) };
        let remedy = if remedy.is_empty() { "remove it, or check where it belongs".to_owned() } else { remedy };
        self.problems.push(problem.expected(expected).remedy(remedy));
    }

    fn missing_field(&mut self, schema: Option<&'a Value>, name: &str, node: &Node, path: &str) {
        let schema = schema.map(|schema| resolve(self.schema, schema));
        let expected = schema.map_or_else(|| "a value".to_owned(), words::expected);
        let remedy = match schema.and_then(words::choices).as_deref() {
            Some([only]) => format!("add `{name}: {only}`"),
            _ => format!("add `{name}:`"),
        };
        let problem = self.problem(node.mark, &inside(path, name)).found("nothing").expected(expected);
        self.problems.push(problem.remedy(remedy));
    }

    fn check_sequence(&mut self, schema: &'a Value, node: &Node, items: &[Node], path: &str) {
        if let Some(of_item) = schema.get("items") {
            for (index, item) in items.iter().enumerate() {
                self.check(of_item, item, &format!("{path}[{index}]"));
            }
        }
        let count = items.len() as u64;
        if bound(schema, "minItems").is_some_and(|least| count < least) {
            let least = bound(schema, "minItems").unwrap_or_default();
            self.wrong(node, path, format!("a list of {count}"), format!("at least {least}"));
        }
        if bound(schema, "maxItems").is_some_and(|most| count > most) {
            let most = bound(schema, "maxItems").unwrap_or_default();
            self.wrong(node, path, format!("a list of {count}"), format!("at most {most}"));
        }
    }

    fn check_text(&mut self, schema: &Value, node: &Node, text: &str, path: &str) {
        let length = text.chars().count() as u64;
        if bound(schema, "minLength").is_some_and(|least| length < least) {
            let found = if length == 0 { "empty text".to_owned() } else { node.describe() };
            let least = bound(schema, "minLength").unwrap_or_default();
            return self.wrong(node, path, found, format!("at least {least} characters"));
        }
        if bound(schema, "maxLength").is_some_and(|most| length > most) {
            let most = bound(schema, "maxLength").unwrap_or_default();
            return self.wrong(node, path, format!("{length} characters"), format!("at most {most}"));
        }
        if !words::has_format(schema, text) || !has_pattern(schema, text) {
            self.wrong(node, path, node.describe(), words::expected(schema));
        }
    }

    fn check_number(&mut self, schema: &Value, node: &Node, value: f64, path: &str) {
        let (least, most) = words::range(schema);
        if least.is_some_and(|least| value < least) || most.is_some_and(|most| value > most) {
            self.wrong(node, path, node.describe(), words::expected(schema));
        }
    }

    fn wrong_kind(&mut self, expected: &str, node: &Node, path: &str) {
        let remedy = match &node.data {
            Data::Null => "write a value, or remove the field",
            Data::Bool(_) | Data::Integer(_) | Data::Float(_) if expected.contains("text") => "put it in quotes",
            Data::Text(text) if plain_number(text) && expected.contains("number") => "remove the quotes",
            Data::Text(_) if expected.starts_with("a list") => "write it as a list: `[…]`",
            _ => "",
        };
        let problem = self.problem(node.mark, path).found(node.describe()).expected(expected);
        self.problems.push(problem.remedy(remedy));
    }

    fn wrong(&mut self, node: &Node, path: &str, found: String, expected: String) {
        let problem = self.problem(node.mark, path).found(found).expected(expected);
        self.problems.push(problem);
    }

    fn problem(&self, mark: Mark, path: &str) -> Problem {
        Problem::error(self.source, mark, path)
    }
}

/// What a `$ref` leads to, through at most 16 of them.
fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let mut schema = schema;
    for _ in 0..16 {
        let Some(pointer) = schema.get("$ref").and_then(Value::as_str).and_then(|at| at.strip_prefix('#')) else {
            break;
        };
        let Some(target) = root.pointer(pointer) else { break };
        schema = target;
    }
    schema
}

/// The alternatives of a schema, those inside of them included.
fn branches<'a>(root: &'a Value, schema: &'a Value) -> Vec<&'a Value> {
    let alternatives = |of: &'a Value| list(of, "anyOf").iter().chain(list(of, "oneOf"));
    let mut found = Vec::new();
    let mut waiting: Vec<&Value> = alternatives(schema).collect();
    for _ in 0..64 {
        let Some(branch) = waiting.pop() else { break };
        let branch = resolve(root, branch);
        if alternatives(branch).next().is_none() {
            found.push(branch);
        }
        waiting.extend(alternatives(branch));
    }
    found.reverse();
    found
}

/// Whether the schema takes values of this kind at all.
fn accepts(schema: &Value, node: &Node) -> bool {
    let kinds = Kind::of_schema(schema);
    kinds.is_empty() || kinds.iter().any(|kind| kind.takes(&node.data))
}

fn by_pattern<'a>(schema: &'a Value, key: &str) -> Option<&'a Value> {
    let patterns = schema.get("patternProperties")?.as_object()?;
    patterns.iter().find(|(pattern, _)| matches(pattern, key)).map(|(_, schema)| schema)
}

fn has_pattern(schema: &Value, text: &str) -> bool {
    schema.get("pattern").and_then(Value::as_str).is_none_or(|pattern| matches(pattern, text))
}

/// A pattern that is no regular expression matches nothing: it is ours, and the tests of its type would show it.
fn matches(pattern: &str, text: &str) -> bool {
    Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(text))
}

fn list<'a>(schema: &'a Value, key: &str) -> &'a [Value] {
    schema.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn bound(schema: &Value, key: &str) -> Option<u64> {
    schema.get(key).and_then(Value::as_u64)
}

fn plain_number(text: &str) -> bool {
    text.parse::<f64>().is_ok()
}
