//! A file becomes a configuration: read, filled with variables, held against its schema and against itself. Every
//! problem of a step is reported at once.

use super::variables::Environment;
use super::{Config, check};
use crate::document::{self, Problem, Severity};
use std::fs;
use std::path::Path;

/// A configuration that can be run.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What it says, defaults filled in.
    pub config: Config,
    /// What its author should know.
    pub warnings: Vec<Problem>,
}

/// Reads the bootstrap configuration.
///
/// # Errors
/// Every problem in it.
pub fn load(path: &Path, environment: &Environment) -> Result<Loaded, Vec<Problem>> {
    from(path, environment, true)
}

/// The same away from the machine that it is for: certificates and keys need not be there.
///
/// # Errors
/// Every other problem in it.
pub fn load_elsewhere(path: &Path, environment: &Environment) -> Result<Loaded, Vec<Problem>> {
    from(path, environment, false)
}

fn from(path: &Path, environment: &Environment, on_its_machine: bool) -> Result<Loaded, Vec<Problem>> {
    let name = path.display().to_string();
    match fs::read_to_string(path) {
        Ok(text) => checked(&name, &text, environment, on_its_machine),
        Err(error) => Err(unreadable(&name, &error)),
    }
}

/// The same for a text that has been read.
///
/// # Errors
/// Every problem in it.
pub fn read(file: &str, text: &str, environment: &Environment) -> Result<Loaded, Vec<Problem>> {
    checked(file, text, environment, true)
}

fn checked(file: &str, text: &str, environment: &Environment, on_its_machine: bool) -> Result<Loaded, Vec<Problem>> {
    let mut trees = document::parse(file, text)?.into_iter();
    let (Some(mut tree), None) = (trees.next(), trees.next()) else {
        return Err(one_document(file, text));
    };
    let used = environment.apply(&mut tree)?;
    let attributed = |mut problems: Vec<Problem>| {
        used.attribute(&mut problems);
        problems
    };
    let document = tree.decode::<Config>().map_err(attributed)?;
    let problems = attributed(check::check(&document, on_its_machine));
    let (errors, warnings): (Vec<_>, Vec<_>) =
        problems.into_iter().partition(|problem| problem.severity == Severity::Error);
    if errors.is_empty() { Ok(Loaded { config: document.value, warnings }) } else { Err(errors) }
}

/// A problem of a file that could not even be read as YAML: an empty tree has no place to point to.
fn unreadable(file: &str, error: &std::io::Error) -> Vec<Problem> {
    whole(file, error.to_string(), "a file that can be read", "check the path and its permissions")
}

fn one_document(file: &str, text: &str) -> Vec<Problem> {
    let found = if text.trim().is_empty() { "an empty file" } else { "no document, or more than one" };
    whole(file, found.to_owned(), "one document of `kind: Podwall`", "start from deploy/examples/podwall.yaml")
}

fn whole(file: &str, found: String, expected: &str, remedy: &str) -> Vec<Problem> {
    document::parse(file, "kind: Podwall")
        .into_iter()
        .flatten()
        .map(|tree| {
            let mut problem = tree.problem("").found(found.clone()).expected(expected).remedy(remedy);
            problem.excerpt = String::new();
            problem
        })
        .collect()
}
