//! Every shipped signature finds its hits and none of its misses, alone and among all the others.

#![allow(clippy::unwrap_used, clippy::string_slice, clippy::indexing_slicing)] // a test: what fails, fails it

use podwall::detect::{Detectors, Signature, signature};

#[test]
fn every_entry_does_what_it_promises() {
    let wrong: Vec<String> = shipped()
        .iter()
        .flat_map(|entry| signature::self_test(entry).into_iter().map(move |wrong| format!("{}: {wrong}", entry.id)))
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn ids_are_unique() {
    assert_eq!(signature::check_unique(&shipped()), Vec::<&str>::new());
}

#[test]
fn every_entry_says_where_to_read_more() {
    for entry in shipped() {
        assert!(entry.references.all().next().is_some(), "{}", entry.id);
    }
}

#[test]
fn hash_changes_with_the_signatures() {
    let all = Detectors::new(shipped()).hash();
    assert_eq!(all, Detectors::default().hash());
    assert_ne!(all, Detectors::new(shipped().split_off(1)).hash());
}

fn shipped() -> Vec<Signature> {
    signature::shipped().unwrap()
}
