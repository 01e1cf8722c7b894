//! A document that was read, together with the places of its fields, so that what is wrong with its meaning can still
//! be shown on its line.

use super::decode;
use super::problem::{self, Problem, Severity};
use super::source::{Mark, Source};
use super::tree::{Data, Node, Tree};
use super::validate;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::sync::Arc;

/// A document with the places of its fields.
#[derive(Clone, Debug)]
pub struct Document<T> {
    /// What it says.
    pub value: T,
    /// The file's name as it was given.
    pub file: Arc<str>,
    source: Arc<Source>,
    marks: Arc<HashMap<String, Mark>>,
}

impl<T> Document<T> {
    /// The place of a field's value (`inbound[2].from`), else of the nearest field around it.
    pub fn at(&self, field: &str) -> Mark {
        let mut field = field;
        loop {
            if let Some(mark) = self.marks.get(field) {
                return *mark;
            }
            let Some((outer, _)) = field.rsplit_once(['.', '[']) else { break };
            field = outer;
        }
        self.marks.get("").copied().unwrap_or(Mark::START)
    }

    /// A problem at a field of this document.
    pub fn problem(
        &self,
        severity: Severity,
        field: &str,
        found: impl Into<String>,
        expected: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Problem {
        let problem = Problem::new(severity, &self.source, self.at(field), field);
        problem.found(found).expected(expected).remedy(remedy)
    }
}

impl Tree {
    /// Holds the document against its type.
    ///
    /// # Errors
    /// Everything that the type's schema does not allow; if it allows all, the first thing that the type refuses.
    pub fn decode<T: DeserializeOwned + JsonSchema>(self) -> Result<Document<T>, Vec<Problem>> {
        let schema = super::schema::<T>();
        let problems = validate::validate(&schema, &self.root, &self.source);
        if !problems.is_empty() {
            return Err(problem::capped(problems));
        }
        let value = decode::decode(&self.root).map_err(|refused| {
            let mark = refused.mark.unwrap_or(self.root.mark);
            vec![Problem::error(&self.source, mark, &refused.field).expected(refused.message)]
        })?;
        let marks = Arc::new(marks(&self.root));
        Ok(Document { value, file: Arc::clone(&self.source.file), source: self.source, marks })
    }
}

/// The place of every value, by its path.
fn marks(root: &Node) -> HashMap<String, Mark> {
    let mut found = HashMap::new();
    let mut waiting = vec![(String::new(), root)];
    while let Some((path, node)) = waiting.pop() {
        match &node.data {
            Data::Sequence(items) => {
                waiting.extend(items.iter().enumerate().map(|(index, item)| (format!("{path}[{index}]"), item)));
            }
            Data::Mapping(entries) => {
                waiting.extend(entries.iter().map(|entry| (inside(&path, &entry.key), &entry.value)));
            }
            _ => {}
        }
        found.insert(path, node.mark);
    }
    found
}

/// The path of a key inside of a mapping.
pub(super) fn inside(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}
