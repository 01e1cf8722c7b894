//! How often values prove something by chance: all values of honest requests are held in flight at once, and honest statements
//! that have nothing to do with them are compared with all of them. What is proved then is proved wrongly.
//!
//! `PODWALL_VALUES=FILE PODWALL_STATEMENTS=FILE cargo test --release --lib correlate::chance -- --ignored --nocapture`; a file holds a
//! JSON string in each line.

use super::tests::remember;
use super::{MOST_VALUES, Memory};
use crate::canon::sql::Reading;
use std::collections::BTreeMap;
use std::sync::Arc;

#[test]
#[ignore = "needs a file of values and one of statements"]
#[expect(clippy::disallowed_methods, reason = "a test that is run by hand, with its input")]
fn values_that_have_nothing_to_do_with_a_statement_prove_nothing() {
    let lines = |name: &str| -> Vec<String> {
        let file = std::env::var(name).unwrap_or_else(|_| panic!("{name} names a file of JSON strings"));
        let text = std::fs::read_to_string(file).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let (values, statements) = (lines("PODWALL_VALUES"), lines("PODWALL_STATEMENTS"));
    let memory = Arc::new(Memory::default());
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    let held: Vec<_> = values.chunks(MOST_VALUES).map(|some| remember(&memory, some).0).collect();
    let remembered: usize = held.iter().map(|request| request.held.len()).sum();
    let mut by_length: BTreeMap<usize, usize> = BTreeMap::new();
    for statement in &statements {
        if let Some(proof) = memory.proof(statement.as_bytes(), None, Reading::POSTGRES) {
            *by_length.entry(proof.range.len()).or_default() += 1;
            let found = statement.get(proof.range.clone()).unwrap_or_default();
            println!("{}: {found:?} in {:?}", proof.change.says(), statement.chars().take(160).collect::<String>());
        }
    }
    let (given, asked, wrong) = (values.len(), statements.len(), by_length.values().sum::<usize>());
    println!(
        "{remembered} of {given} values remembered; {wrong} of {asked} statements proved; by bytes: {by_length:?}"
    );
    assert!(wrong * 1000 <= asked, "more than one statement in a thousand, with {remembered} values in flight");
}
