//! `podwall signatures import`: rules in SecLang become signatures, as far as they fit; every other one is named with the
//! reason. What comes out is checked as any signature is, and is meant for the user's own folder.

use super::literals;
use super::seclang::{self, Rule};
use crate::detect::{Filter, signature};
use regex::bytes::RegexBuilder;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

/// What came of some files.
#[derive(Debug, Default)]
pub(super) struct Imported {
    /// Entries of a signature file.
    entries: Vec<String>,
    /// A line for each rule that does not fit.
    left: Vec<String>,
}

/// Converts every rule of the files.
///
/// # Errors
/// When a file cannot be read.
pub(super) fn files(paths: &[PathBuf]) -> Result<Imported, String> {
    let mut imported = Imported::default();
    for path in paths {
        let bytes = fs::read(path).map_err(|error| format!("error: {}: {error}\n", path.display()))?;
        imported.add(&path.display().to_string(), &String::from_utf8_lossy(&bytes));
    }
    Ok(imported)
}

impl Imported {
    fn add(&mut self, file: &str, text: &str) {
        for rule in seclang::rules(text) {
            let id = rule.action("id").unwrap_or("without an id").to_owned();
            match convert(&rule) {
                Ok(entry) => self.entries.push(entry),
                Err(reason) => self.left.push(format!("{file}:{}: rule {id}: {reason}", rule.line)),
            }
        }
    }

    /// The signature file; nothing when no rule fits.
    pub(super) fn text(&self) -> String {
        if self.entries.is_empty() {
            return String::new();
        }
        format!("{HEADING}\n{}", self.entries.join("\n"))
    }

    /// What was converted and what was not.
    pub(super) fn account(&self) -> String {
        let mut text = String::new();
        for line in &self.left {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{line}");
        }
        let (converted, left) = (self.entries.len(), self.left.len());
        let _ = writeln!(text, "{converted} rules converted, {left} not");
        text
    }
}

const HEADING: &str = "family: imported\ntitle: Rules converted from SecLang\n\nsignatures:";

/// One entry, or why there is none.
fn convert(rule: &Rule) -> Result<String, String> {
    if rule.chained {
        return Err("it is part of a chain: a signature looks at one value".into());
    }
    if rule.negated {
        return Err("it matches what is absent".into());
    }
    let id = rule.action("id").ok_or("it has no id")?;
    if let Some(change) = rule.all("t").find(|change| !is_undone(change)) {
        return Err(format!("the transformation `{change}` gives a text that is never looked at"));
    }
    let places = places(rule)?;
    let pattern = Pattern::of(rule)?;
    let entry = written(id, rule, &places, &pattern);
    match signature::parse("imported", &format!("{HEADING}\n{entry}")) {
        Ok(_) => Ok(entry),
        Err(problems) => Err(problems.first().map_or_else(String::new, |problem| {
            format!("as a signature, its {} {}", problem.field.trim_start_matches("signatures[0]."), problem.found)
        })),
    }
}

/// Transformations that change nothing about canonical values, or only letter case.
fn is_undone(change: &str) -> bool {
    let undone = [
        "none",
        "lowercase",
        "urldecode",
        "urldecodeuni",
        "utf8tounicode",
        "htmlentitydecode",
        "jsdecode",
        "cssdecode",
        "base64decode",
        "base64decodeext",
        "removenulls",
        "escapeseqdecode",
        "trim",
        "trimleft",
        "trimright",
    ];
    undone.contains(&change.to_ascii_lowercase().as_str())
}

/// The places of the rule's variables; none means everywhere.
fn places(rule: &Rule) -> Result<Vec<&'static str>, String> {
    let mut places: Vec<&'static str> = Vec::new();
    for variable in &rule.variables {
        if variable.starts_with('&') {
            return Err(format!("`{variable}` counts"));
        }
        let (name, of) = variable.split_once(':').unwrap_or((variable, ""));
        let known: &[&str] = match name {
            // What it leaves out is left out by an exception of the allowlist.
            _ if name.starts_with('!') => &[],
            "ARGS" | "ARGS_COMBINED" if of.is_empty() => &["query-value", "form-value", "json-value"],
            "ARGS_GET" if of.is_empty() => &["query-value"],
            "ARGS_POST" if of.is_empty() => &["form-value", "json-value"],
            "ARGS_NAMES" => &["query-name", "form-name", "json-key"],
            "ARGS_GET_NAMES" => &["query-name"],
            "ARGS_POST_NAMES" => &["form-name", "json-key"],
            "QUERY_STRING" => &["query"],
            "REQUEST_URI" | "REQUEST_URI_RAW" | "REQUEST_LINE" => &["path", "query"],
            "REQUEST_FILENAME" | "REQUEST_BASENAME" | "PATH_INFO" => &["path"],
            "REQUEST_HEADERS" if of.is_empty() => &["header-value"],
            "REQUEST_HEADERS_NAMES" => &["header-name"],
            "REQUEST_COOKIES" if of.is_empty() => &["cookie-value"],
            "REQUEST_COOKIES_NAMES" => &["cookie-name"],
            "REQUEST_BODY" => &["form", "json", "body"],
            "FILES" | "FILES_NAMES" | "MULTIPART_FILENAME" | "MULTIPART_NAME" => &["file-name"],
            "XML" => &["xml"],
            "REQUEST_METHOD" => &["method"],
            "REQUEST_HEADERS" => &["header-value"],
            _ => return Err(format!("`{variable}` is no part of a request that signatures look at")),
        };
        places.extend(known.iter().filter(|place| !places.contains(place)).collect::<Vec<_>>());
    }
    Ok(places)
}

/// The headers that the rule looks at alone.
fn named(rule: &Rule) -> Option<Vec<&str>> {
    let header = |variable: &String| variable.strip_prefix("REQUEST_HEADERS:").map(str::to_owned).is_some();
    let all = rule.variables.iter().filter(|variable| !variable.starts_with('!'));
    let only = all.clone().all(header);
    only.then(|| all.filter_map(|variable| variable.strip_prefix("REQUEST_HEADERS:")).collect())
}

/// What a signature looks for.
struct Pattern {
    any: Vec<String>,
    regex: Option<String>,
    /// A value that it must find.
    hit: String,
}

impl Pattern {
    fn of(rule: &Rule) -> Result<Self, String> {
        let argument = rule.argument.as_str();
        if argument.contains("%{") {
            return Err("it compares with a variable".into());
        }
        let plain = |prefix: &str, suffix: &str| {
            let regex = format!("{prefix}{}{suffix}", regex_syntax::escape(argument));
            let regex = Some(regex).filter(|_| !(prefix.is_empty() && suffix.is_empty()));
            Ok(Self { any: vec![argument.to_lowercase()], regex, hit: argument.to_owned() })
        };
        match rule.operator.as_str() {
            "rx" => Self::of_expression(argument),
            "pm" => {
                let any: Vec<String> = argument.split_whitespace().map(str::to_lowercase).collect();
                let hit = any.first().cloned().ok_or("it names no phrase")?;
                Ok(Self { any, regex: None, hit })
            }
            "contains" | "strmatch" => plain("", ""),
            "streq" => plain("^", "$"),
            "beginswith" => plain("^", ""),
            "endswith" => plain("", "$"),
            "containsword" => plain(r"\b", r"\b"),
            other => Err(format!("the operator `@{other}` has no counterpart")),
        }
    }

    fn of_expression(text: &str) -> Result<Self, String> {
        let parsed = regex_syntax::ParserBuilder::new().utf8(false).case_insensitive(true).build().parse(text);
        let hir = parsed.map_err(|error| {
            format!("its expression needs what runs in more than linear time, or is none: {}", last(&error.to_string()))
        })?;
        let any = literals::required(&hir, Filter::MIN_LITERAL_BYTES)
            .ok_or("its expression matches values that have no literal of three bytes in common: it would have to run on everything")?;
        let regex = RegexBuilder::new(text).case_insensitive(true).unicode(false).build();
        let regex = regex.map_err(|error| last(&error.to_string()))?;
        let whole = any.iter().find(|literal| regex.is_match(literal.as_bytes())).cloned();
        let hit = whole.or_else(|| sample(&hir).filter(|sample| regex.is_match(sample.as_bytes())));
        let hit = hit.ok_or("no value is known that its expression finds")?;
        Ok(Self { any, regex: Some(text.to_owned()), hit })
    }
}

/// The last line of a text of several: what is wrong, without the picture of it.
fn last(text: &str) -> String {
    text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

/// One short text that an expression matches. Recursion is bounded by the nesting that the parser allows.
fn sample(hir: &regex_syntax::hir::Hir) -> Option<String> {
    use regex_syntax::hir::{Class, HirKind};
    Some(match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => String::new(),
        HirKind::Literal(literal) => String::from_utf8(literal.0.to_vec()).ok()?,
        HirKind::Class(Class::Bytes(class)) => {
            letter(class.ranges().iter().flat_map(|range| range.start()..=range.end()))?
        }
        HirKind::Class(Class::Unicode(class)) => {
            let bytes = class.ranges().iter().flat_map(|range| range.start()..=range.end());
            letter(bytes.take(256).filter_map(|c| u8::try_from(c).ok()))?
        }
        HirKind::Repetition(repetition) => sample(&repetition.sub)?.repeat(repetition.min.min(40) as usize),
        HirKind::Capture(capture) => sample(&capture.sub)?,
        HirKind::Concat(parts) => parts.iter().map(sample).collect::<Option<Vec<_>>>()?.concat(),
        HirKind::Alternation(parts) => parts.iter().find_map(sample)?,
    })
}

/// A character of a class: a letter or a mark, if it has one.
fn letter(bytes: impl Iterator<Item = u8>) -> Option<String> {
    let all: Vec<u8> = bytes.filter(u8::is_ascii).collect();
    let pick = all.iter().find(|byte| byte.is_ascii_lowercase()).or(all.iter().find(|byte| byte.is_ascii_graphic()));
    pick.or(all.first()).map(|byte| char::from(*byte).to_string())
}

/// An entry as it stands in a signature file.
fn written(id: &str, rule: &Rule, places: &[&str], pattern: &Pattern) -> String {
    let title = rule.action("msg").unwrap_or("Converted rule").chars().take(120).collect::<String>();
    let (severity, weight) = severity(rule);
    let list = |values: &[String]| values.iter().map(|value| quoted(value)).collect::<Vec<_>>().join(", ");
    let mut text = format!(
        "  - id: seclang-{}\n    title: {}\n    severity: {severity}\n",
        id.to_ascii_lowercase(),
        quoted(&title)
    );
    // Writing to a String cannot fail.
    let _ = writeln!(text, "    places: [{}]", places.join(", "));
    if let Some(names) = named(rule) {
        let names: Vec<String> = names.iter().map(|name| name.to_ascii_lowercase()).collect();
        let _ = writeln!(text, "    named: [{}]", list(&names));
    }
    let _ = writeln!(text, "    pattern:\n      any: [{}]", list(&pattern.any));
    if let Some(regex) = &pattern.regex {
        let _ = writeln!(text, "      regex: {}", quoted(regex));
    }
    let _ = writeln!(text, "    weight: {weight}");
    let capec: Vec<&str> = rule.all("tag").filter_map(|tag| tag.strip_prefix("capec/")?.rsplit('/').next()).collect();
    if let Some(number) = capec.first().filter(|number| number.bytes().all(|b| b.is_ascii_digit())) {
        let _ = writeln!(text, "    references: {{ capec: [CAPEC-{number}] }}");
    }
    let _ = writeln!(text, "    hits: [{}]\n    misses: [\"an ordinary value\"]", quoted(&pattern.hit));
    text
}

/// How bad it is, and what a rule of this severity adds to a score of five, in hundredths of it.
fn severity(rule: &Rule) -> (&'static str, u16) {
    match rule.action("severity").unwrap_or("CRITICAL").to_ascii_uppercase().as_str() {
        "ERROR" | "3" => ("high", 80),
        "WARNING" | "4" => ("medium", 60),
        "NOTICE" | "5" | "INFO" | "6" | "DEBUG" | "7" => ("low", 40),
        _ => ("critical", 100),
    }
}

/// A text in double quotes, as YAML and JSON both read it.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn converted(rule: &str) -> Imported {
        let mut imported = Imported::default();
        imported.add("own.conf", rule);
        imported
    }

    #[test]
    fn rule_with_a_literal_becomes_a_signature() {
        let imported = converted(
            r#"SecRule ARGS|REQUEST_COOKIES "@rx (?i)own-tool/\d+" "id:7,phase:2,t:none,t:urlDecodeUni,msg:'It''s own',severity:'ERROR',tag:'capec/1000/66'""#,
        );
        let signatures = signature::parse("out.yaml", &imported.text()).unwrap();
        assert_eq!((signatures.len(), &*signatures[0].id, signatures[0].weight.0), (1, "seclang-7", 80));
        assert_eq!(signatures[0].any, ["own-tool/"]);
    }

    #[test]
    fn phrases_become_literals() {
        let imported = converted("SecRule REQUEST_HEADERS:User-Agent \"@pm owntool otherscan\" \"id:8\"");
        let signatures = signature::parse("out.yaml", &imported.text()).unwrap();
        assert_eq!((signatures[0].any.len(), signatures[0].named.as_slice()), (2, &["user-agent".to_owned()][..]));
    }

    #[test]
    fn each_rule_that_does_not_fit_is_named_with_its_reason() {
        for (rule, reason) in [
            ("SecRule ARGS \"@rx ^\\d+$\" \"id:1\"", "no literal"),
            ("SecRule ARGS \"@rx (?=own)tool\" \"id:2\"", "linear"),
            ("SecRule ARGS \"@detectSQLi\" \"id:3\"", "detectsqli"),
            ("SecRule &ARGS \"@gt 9\" \"id:4\"", "counts"),
            ("SecRule ARGS \"!@rx own-tool\" \"id:5\"", "absent"),
            ("SecRule ARGS \"@contains own-tool\" \"id:6,t:sha1\"", "sha1"),
            ("SecRule TX:score \"@contains own-tool\" \"id:7\"", "TX:score"),
            ("SecRule ARGS \"@contains own-tool\" \"id:8,chain\"\nSecRule ARGS \"@contains x\"", "chain"),
        ] {
            let imported = converted(rule);
            assert!(imported.text().is_empty() && imported.account().contains(reason), "{}", imported.account());
        }
    }
}
