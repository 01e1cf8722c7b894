//! What `deny.toml` demands of the crates we build on, held against what cargo resolves: licences, sources, crates that are
//! not to come in, and no crate twice that is not known to be. `cargo deny check` looks at advisories besides.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // a test: what fails, fails it

use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

/// Crates that others need in two versions: those who keep them have not met yet.
const TWICE: &[&str] = &["base64", "cpufeatures", "getrandom", "hashbrown", "nom", "syn", "untrusted"];

fn packages() -> Vec<Value> {
    let platform = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let asked = ["metadata", "--format-version=1", "--locked", "--offline", "--filter-platform", &platform];
    let told = Command::new(env!("CARGO")).args(asked).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let mut all: Value = serde_json::from_slice(&told.stdout).unwrap();
    let Value::Array(packages) = all["packages"].take() else { return Vec::new() };
    packages.into_iter().filter(|package| package["name"] != "podwall").collect()
}

/// The quoted words of one of the lists in `deny.toml`.
fn listed(section: &str, list: &str) -> Vec<String> {
    let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/deny.toml")).unwrap();
    let (_, section) = text.split_once(&format!("[{section}]")).unwrap();
    let (_, rest) = section.split_once(&format!("{list} = [")).unwrap();
    let (inside, _) = rest.split_once("\n]").unwrap();
    inside.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Whether an SPDX expression without nesting leaves us a choice that is allowed.
fn is_allowed(expression: &str, allowed: &[String]) -> bool {
    let expression = expression.replace('/', " OR ").replace(['(', ')'], "").replace(" WITH LLVM-exception", "");
    let choice = |terms: &str| terms.split(" AND ").all(|term| allowed.iter().any(|name| name == term.trim()));
    expression.split(" OR ").any(choice)
}

#[test]
fn licences_are_allowed() {
    let allowed = listed("licenses", "allow");
    let other = |package: &&Value| !is_allowed(package["license"].as_str().unwrap_or_default(), &allowed);
    let packages = packages();
    assert!(packages.len() > 50, "{}", packages.len());
    let wrong: Vec<_> =
        packages.iter().filter(other).map(|one| format!("{} {}", one["name"], one["license"])).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn choice_among_licences_is_understood() {
    let allowed = ["MIT".to_owned(), "ISC".to_owned()];
    assert!(
        is_allowed("GPL-3.0 OR MIT", &allowed)
            && is_allowed("MIT/GPL-3.0", &allowed)
            && is_allowed("MIT AND ISC", &allowed)
    );
    assert!(!is_allowed("MIT AND GPL-3.0", &allowed) && !is_allowed("", &allowed));
}

#[test]
fn sources_are_registries() {
    let wrong: Vec<_> = packages().into_iter().filter(|one| !one["source"].to_string().contains("registry")).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn banned_crates_stay_away() {
    let banned = listed("bans", "deny");
    assert!(banned.contains(&"openssl".to_owned()), "{banned:?}");
    let wrong: Vec<_> = packages().into_iter().filter(|one| banned.iter().any(|name| one["name"] == **name)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn crates_come_once() {
    let mut versions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in packages() {
        versions.entry(package["name"].to_string()).or_default().push(package["version"].to_string());
    }
    versions.retain(|name, versions| versions.len() > 1 && !TWICE.contains(&name.trim_matches('"')));
    assert!(versions.is_empty(), "{versions:#?}");
}
