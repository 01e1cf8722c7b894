//! Documents as people write them: YAML with line numbers. The types derive `Deserialize` and `JsonSchema`; the schema
//! is the one source of truth, and every problem of a text is reported at once, each with its place and its remedy.
//!
//! ```
//! # use podwall::document;
//! #[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
//! #[serde(deny_unknown_fields)]
//! struct Greeting { name: String }
//!
//! let problems = document::read::<Greeting>("greeting.yaml", "nam: Ada\n").unwrap_err();
//! assert_eq!(problems.len(), 2); // `nam` is unknown, `name` is missing
//! ```
//!
//! Hostile text is bounded: see [`limits`]. Nothing here reads files, the environment or a clock.

mod decode;
pub mod limits;
mod located;
mod problem;
mod source;
mod tree;
mod units;
mod validate;
mod words;

pub use located::Document;
pub use problem::{Problem, Severity, capped, is_refused, render_all};
pub use source::Mark;
pub use tree::{Refusal, Tree, parse};
pub use units::{ByteSize, HumanDuration};
pub use words::nearest;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

/// Every document of a multi-document YAML text. Empty documents are left out, so an empty text gives an empty list.
///
/// # Errors
/// Every problem in the text: if it is not YAML, what is wrong with that; else everything that its type does not allow.
pub fn read<T: DeserializeOwned + JsonSchema>(file: &str, text: &str) -> Result<Vec<Document<T>>, Vec<Problem>> {
    let mut documents = Vec::new();
    let mut problems = Vec::new();
    for tree in parse(file, text)? {
        match tree.decode() {
            Ok(document) => documents.push(document),
            Err(found) => problems.extend(found),
        }
    }
    if problems.is_empty() { Ok(documents) } else { Err(capped(problems)) }
}

/// The JSON Schema of a document type, as it is checked in for editors and clusters.
pub fn schema<T: JsonSchema>() -> serde_json::Value {
    schemars::generate::SchemaSettings::draft2020_12()
        .for_deserialize()
        .into_generator()
        .into_root_schema_for::<T>()
        .to_value()
}

#[cfg(test)]
mod tests;
