//! The environment in the configuration: `${PODWALL_X}` inside of values, and `PODWALL_…` variables that override
//! settings. The only place that reads the environment.

use super::settings::{Setting, settings};
use crate::document::{Problem, Refusal, Tree, nearest};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What our variables begin with.
const PREFIX: &str = "PODWALL_";

/// The variables that begin with `PODWALL_`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment(BTreeMap<String, String>);

/// The variables of a document: those it names, and those that overrode a setting.
#[derive(Debug, Default)]
pub(super) struct Used {
    /// Setting, as problems name it (`listeners[0].tls`), and the variable it came from with its value.
    overridden: Vec<(String, String, String)>,
}

impl Environment {
    /// Those of this process. What is not UTF-8 is left out: no setting could take it.
    #[expect(clippy::disallowed_methods, reason = "the bootstrap configuration is where the environment is read")]
    pub fn of_process() -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self::of(std::env::vars_os().filter_map(text))
    }

    /// Those among `variables` that begin with `PODWALL_`.
    pub fn of(variables: impl Iterator<Item = (String, String)>) -> Self {
        Self(variables.filter(|(name, _)| name.starts_with(PREFIX)).collect())
    }

    /// Puts variables into the document: first inside of its values, then in the place of settings.
    ///
    /// # Errors
    /// Every variable that is named but not set, is no setting, or has a value that cannot be read.
    pub(super) fn apply(&self, tree: &mut Tree) -> Result<Used, Vec<Problem>> {
        let named = RefCell::new(BTreeSet::new());
        let mut problems = tree.rewrite(|text| self.expand(text, &named)).err().unwrap_or_default();
        let mut used = Used::default();
        let all = settings();
        for (name, value) in &self.0 {
            if named.borrow().contains(name) || is_of_kubernetes(name, value) {
                continue;
            }
            if let Err(found) = override_one(&all, tree, name, value, &mut used) {
                problems.extend(found);
            }
        }
        if problems.is_empty() { Ok(used) } else { Err(problems) }
    }

    /// `${PODWALL_X}`, `${PODWALL_X:-default}`; `$${` stands for `${`.
    fn expand(&self, text: &str, named: &RefCell<BTreeSet<String>>) -> Result<Option<String>, Refusal> {
        if !text.contains("${") {
            return Ok(None);
        }
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            if let Some(literal) = before.strip_suffix('$') {
                out.push_str(literal);
                out.push_str("${");
                rest = after;
                continue;
            }
            let (inside, after) = after.split_once('}').ok_or_else(|| unfinished(text))?;
            let (name, default) =
                inside.split_once(":-").map_or((inside, None), |(name, default)| (name, Some(default)));
            if !is_name(name) {
                return Err(wrong_name(name));
            }
            named.borrow_mut().insert(name.to_owned());
            let given = self.0.get(name).map(String::as_str).filter(|value| !value.is_empty() || default.is_none());
            out.push_str(before);
            out.push_str(given.or(default).ok_or_else(|| unset(name))?);
            rest = after;
        }
        out.push_str(rest);
        Ok(Some(out))
    }
}

impl Used {
    /// Says of each problem in a setting that came from a variable which one it was.
    pub(super) fn attribute(&self, problems: &mut [Problem]) {
        for problem in problems {
            let inside = |field: &str| problem.field.strip_prefix(field).is_some_and(starts_apart);
            let Some((_, name, value)) = self.overridden.iter().find(|(field, ..)| inside(field)) else { continue };
            problem.file = Arc::from(format!("environment variable {name}"));
            (problem.line, problem.column, problem.width) = (1, 1, 1);
            problem.excerpt = value.chars().take(Problem::EXCERPT).collect();
        }
    }
}

/// What comes after the path of a setting in the path of one inside of it, or in its own.
fn starts_apart(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with(['.', '['])
}

fn override_one(
    all: &[Setting],
    tree: &mut Tree,
    name: &str,
    value: &str,
    used: &mut Used,
) -> Result<(), Vec<Problem>> {
    let rest = name.strip_prefix(PREFIX).unwrap_or(name);
    let Some((setting, keys)) = all.iter().find_map(|setting| Some((setting, setting.keys(rest)?))) else {
        return Err(vec![no_setting(all, tree, name, value)]);
    };
    // Text is text, also when it looks like a number or a list: `[::1]:80`.
    let quoted = setting.is_text.then(|| serde_json::Value::from(value).to_string());
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let origin = format!("environment variable {name}");
    tree.set(&keys, &origin, quoted.as_deref().unwrap_or(value))?;
    used.overridden.push((field(&keys), name.to_owned(), value.to_owned()));
    Ok(())
}

/// As problems name a field: `listeners[0].tls`.
fn field(keys: &[&str]) -> String {
    keys.iter().fold(String::new(), |path, key| match key.bytes().all(|b| b.is_ascii_digit()) {
        true => format!("{path}[{key}]"),
        false if path.is_empty() => (*key).to_owned(),
        false => format!("{path}.{key}"),
    })
}

fn no_setting(all: &[Setting], tree: &Tree, name: &str, value: &str) -> Problem {
    let known: Vec<String> = all.iter().map(Setting::variable).collect();
    let near = nearest(name, known.iter().map(String::as_str));
    let remedy = near.map_or_else(
        || "unset it; `podwall config --explain` lists every variable".to_owned(),
        |near| format!("did you mean `{near}`? `podwall config --explain` lists every variable"),
    );
    let mut problem = tree
        .problem("")
        .found(format!("variable `{name}`, which names no setting and is not used in the file"))
        .expected("variables that begin with `PODWALL_` to name a setting, or to be used in the file as `${…}`")
        .remedy(remedy);
    problem.file = Arc::from(format!("environment variable {name}"));
    problem.excerpt = value.chars().take(Problem::EXCERPT).collect();
    problem
}

fn is_name(name: &str) -> bool {
    let rest = name.strip_prefix(PREFIX).unwrap_or_default();
    !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

/// Kubernetes gives each pod variables for the services of its namespace (Services, "Environment variables"). For one
/// that is called `podwall` or `podwall-…` they begin like ours: `PODWALL_SERVICE_HOST`, `PODWALL_PORT_443_TCP_ADDR`.
fn is_of_kubernetes(name: &str, value: &str) -> bool {
    let number_first = |rest: &str| rest.starts_with(|c: char| c.is_ascii_digit());
    let numbered = || name.split("_PORT_").skip(1).any(|rest| number_first(rest) && has_transport(rest));
    let ends_in_port = name.ends_with("_PORT") && value.contains("://");
    name.ends_with("_SERVICE_HOST") || name.contains("_SERVICE_PORT") || ends_in_port || numbered()
}

fn has_transport(rest: &str) -> bool {
    ["_TCP", "_UDP", "_SCTP"].iter().any(|transport| rest.contains(transport))
}

fn unfinished(text: &str) -> Refusal {
    Refusal {
        found: format!("`${{` without `}}` in `{text}`"),
        expected: "`${PODWALL_NAME}` or `${PODWALL_NAME:-default}`".to_owned(),
        remedy: "close it, or write `$${` for the characters themselves".to_owned(),
    }
}

fn wrong_name(name: &str) -> Refusal {
    Refusal {
        found: format!("variable `{name}`"),
        expected: "a name of capital letters, digits and underscores that begins with `PODWALL_`".to_owned(),
        remedy: "rename the variable, or write `$${` for the characters themselves".to_owned(),
    }
}

fn unset(name: &str) -> Refusal {
    Refusal {
        found: format!("variable `{name}`, which is not set"),
        expected: "a value".to_owned(),
        remedy: format!("set it, or write `${{{name}:-default}}`"),
    }
}

#[cfg(test)]
mod tests {
    use crate::control::config::{Environment, load::read};
    use crate::document::Problem;

    const FILE: &str = "apiVersion: podwall.dev/v1\nkind: Podwall\nlisteners:\n  - listen: ${PODWALL_X:-127.0.0.1:0}\n    tls: off\n    upstream: 127.0.0.1:9\n";

    fn environment(variables: &[(&str, &str)]) -> Environment {
        Environment::of(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    fn problems(text: &str, variables: &[(&str, &str)]) -> Vec<Problem> {
        read("podwall.yaml", text, &environment(variables)).unwrap_err()
    }

    #[test]
    fn values_are_filled_in() {
        let listen = |variables| {
            let listener = read("f", FILE, &environment(variables)).unwrap().config.listeners.remove(0);
            listener.listen.to_string()
        };
        assert_eq!(listen(&[]), "127.0.0.1:0");
        assert_eq!(listen(&[("PODWALL_X", "")]), "127.0.0.1:0");
        assert_eq!(listen(&[("PODWALL_X", "[::1]:7")]), "[::1]:7");
    }

    #[test]
    fn variables_override_settings() {
        let variables = [
            ("PODWALL_LIMITS_HEAD_BYTES", "16KiB"),
            ("PODWALL_LISTENERS_0_LISTEN", "[::1]:80"),
            ("PODWALL_LISTENERS_1_LISTEN", "127.0.0.1:81"),
            ("PODWALL_LISTENERS_1_UPSTREAM", "127.0.0.1:82"),
            ("PODWALL_LISTENERS_1_TLS", "off"),
            ("PODWALL_POD_NAME", "7"),
            ("PODWALL_POD_LABELS_APP", "cart"),
            ("PODWALL_RECORD", "{stdout: false}"),
        ];
        let config = read("f", FILE, &environment(&variables)).unwrap().config;
        assert_eq!(config.limits.head_bytes.to_string(), "16KiB");
        assert_eq!(config.listeners.len(), 2);
        assert_eq!(config.listeners[0].listen.to_string(), "[::1]:80");
        assert_eq!((&*config.pod.name, &*config.pod.labels["app"]), ("7", "cart"));
        assert!(!config.record.stdout);
    }

    #[test]
    fn wrong_value_names_its_variable() {
        let found = problems(FILE, &[("PODWALL_LIMITS_HEADERS", "many"), ("PODWALL_LISTENERS_0_LISTEN", "nowhere")]);
        let lines: Vec<_> = found.iter().map(Problem::one_line).collect();
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(
            lines.iter().any(|line| line.starts_with("environment variable PODWALL_LIMITS_HEADERS:1:1")),
            "{lines:?}"
        );
    }

    #[test]
    fn unknown_variable_is_told_the_nearest() {
        let found = problems(FILE, &[("PODWALL_LIMIT_HEADERS", "7")]);
        assert!(found[0].remedy.contains("`PODWALL_LIMITS_HEADERS`"), "{found:?}");
    }

    #[test]
    fn variables_of_kubernetes_services_are_not_ours() {
        let variables = [
            ("PODWALL_SERVICE_HOST", "10.0.0.1"),
            ("PODWALL_WEBHOOK_SERVICE_PORT_HTTPS", "443"),
            ("PODWALL_PORT", "tcp://10.0.0.1:443"),
            ("PODWALL_PORT_443_TCP_ADDR", "10.0.0.1"),
        ];
        assert!(read("f", FILE, &environment(&variables)).is_ok());
    }

    #[test]
    fn unset_variable_is_a_problem_on_its_line() {
        let text = FILE.replace("PODWALL_X:-127.0.0.1:0", "PODWALL_X");
        let found = problems(&text, &[]);
        assert_eq!((found[0].line, found.len()), (4, 1));
        assert!(found[0].found.contains("PODWALL_X"));
    }

    #[test]
    fn only_our_variables_are_read() {
        let text = FILE.replace("PODWALL_X:-127.0.0.1:0", "HOME");
        assert!(problems(&text, &[])[0].expected.contains("PODWALL_"));
    }

    #[test]
    fn dollars_can_be_written() {
        let text = format!("{FILE}pod: {{name: \"a$${{b}}\"}}\n");
        assert_eq!(read("f", &text, &Environment::default()).unwrap().config.pod.name, "a${b}");
    }
}
