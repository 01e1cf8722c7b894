//! Holds every `crate::…` path of `src/` against the table of floors: imports go downwards only, and neighbours on
//! floor 1 never meet. This is the document that cannot go stale.

#![allow(clippy::unwrap_used, clippy::string_slice, clippy::indexing_slicing)] // a test: what fails, fails it

use std::fs;
use std::path::{Path, PathBuf};

/// Module, floor. Modules of the floors in `CLOSED` may not import each other.
const FLOORS: &[(&str, u8)] = &[
    ("flow", 0),
    ("canon", 0),
    ("document", 0),
    ("protocol", 1),
    ("detect", 1),
    ("policy", 1),
    ("behave", 1),
    ("record", 1),
    ("identity", 1),
    ("engine", 2),
    ("proxy", 3),
    ("control", 3),
    ("cluster", 3),
    ("cli", 4),
];

/// On floor 1 nobody knows a neighbour.
const CLOSED: &[u8] = &[1];

/// Neighbours on one floor that may be imported, and by whom: one way only, so that no cycle can come of it.
const NEIGHBOURS: &[(&str, &str)] = &[("canon", "flow"), ("document", "flow"), ("control", "proxy")];

#[test]
fn imports_go_downwards_only() {
    let mut wrong = Vec::new();
    for file in sources() {
        let text = fs::read_to_string(&file).unwrap();
        let Some(from) = module_of(&file) else { continue };
        for (number, line) in text.lines().enumerate() {
            for to in imported(line) {
                if let Err(why) = allowed(from, to) {
                    wrong.push(format!("{}:{}: {why}", file.display(), number + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn no_way_round_the_floors() {
    let mut wrong = Vec::new();
    for file in sources() {
        for (number, line) in fs::read_to_string(&file).unwrap().lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if code.contains("super::super") {
                wrong.push(format!("{}:{}: super::super hides which module is meant", file.display(), number + 1));
            }
            if code.trim_start().starts_with("pub use crate::") || code.contains("podwall::") && !is_binary(&file) {
                wrong.push(format!("{}:{}: re-exports another floor", file.display(), number + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_module_has_a_floor() {
    for file in sources() {
        if let Some(module) = module_of(&file) {
            assert!(floor(module).is_some(), "{}: module `{module}` has no floor", file.display());
        }
    }
}

#[test]
fn every_file_says_what_it_is() {
    for file in sources() {
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("//!"), "{}: opens without a word of what it is for", file.display());
    }
}

#[test]
fn an_upward_import_is_found() {
    assert!(allowed("policy", "engine").is_err());
    assert!(allowed("policy", "detect").is_err());
    assert!(allowed("flow", "canon").is_err());
    assert!(allowed("engine", "policy").is_ok());
    assert_eq!(imported("use crate::{flow::Part, engine};"), ["flow", "engine"]);
    assert_eq!(imported("let x = crate::detect::scan();"), ["detect"]);
}

fn allowed(from: &str, to: &str) -> Result<(), String> {
    let (Some(here), Some(there)) = (floor(from), floor(to)) else { return Ok(()) };
    if from == to || NEIGHBOURS.contains(&(from, to)) {
        return Ok(());
    }
    if there > here {
        return Err(format!("`{from}` (floor {here}) imports `{to}` (floor {there}), upwards"));
    }
    if there == here && (CLOSED.contains(&here) || !NEIGHBOURS.contains(&(from, to))) {
        return Err(format!("`{from}` imports its neighbour `{to}` on floor {here}"));
    }
    Ok(())
}

fn floor(module: &str) -> Option<u8> {
    FLOORS.iter().find(|(name, _)| *name == module).map(|(_, floor)| *floor)
}

/// The first path element after each `crate::` of a line; `crate::{a::b, c}` names two.
fn imported(line: &str) -> Vec<&str> {
    let code = line.split("//").next().unwrap_or_default();
    code.match_indices("crate::").flat_map(|(at, found)| heads(&code[at + found.len()..])).collect()
}

fn heads(rest: &str) -> Vec<&str> {
    let word = |text: &str| text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    let Some(list) = rest.strip_prefix('{') else { return vec![&rest[..word(rest)]] };
    let mut depth = 0;
    let mut found = Vec::new();
    let mut fresh = true;
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => fresh = true,
            c if fresh && c.is_alphabetic() => {
                found.push(&list[at..at + word(&list[at..])]);
                fresh = false;
            }
            _ => {}
        }
    }
    found
}

fn module_of(file: &Path) -> Option<&str> {
    let mut parts = file.strip_prefix(root()).ok()?.components();
    let first = parts.next()?.as_os_str().to_str()?;
    let module = first.strip_suffix(".rs").unwrap_or(first);
    (!matches!(module, "lib" | "main")).then_some(module)
}

fn is_binary(file: &Path) -> bool {
    file.ends_with("main.rs")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
