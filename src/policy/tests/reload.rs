//! Several documents, and one after another: the stricter setting holds, and what a reload weakens is told.

use super::*;

#[test]
fn stricter_mode_holds() {
    let mode = |text: &str, port| policy(text).port(Direction::Inbound, port).mode;
    let shadow = "mode: shadow\ninbound: [GET /a from any on 80]\n";
    assert_eq!((mode(shadow, 80), mode(shadow, 81)), (Mode::Shadow, Mode::Enforce));
    assert_eq!(mode("mode: shadow\ninbound: [GET /a from any]\n", 81), Mode::Shadow);
    assert_eq!(mode(&format!("{shadow}---\nmode: learn\ninbound: [GET /b from any]\n"), 80), Mode::Shadow);
    assert_eq!(mode(&format!("{shadow}---\ninbound: [GET /b from any]\n"), 80), Mode::Enforce);
    assert_eq!(mode("mode: learn\nports: {80: {mode: shadow}}\n", 80), Mode::Shadow);
    assert_eq!(mode("mode: enforce\nports: {80: {mode: shadow}}\n", 80), Mode::Enforce);
    let probes = "mode: shadow\nprobes: [{path: /a, port: 81}]\ninbound: [GET /a from any]\n";
    assert_eq!(mode(probes, 80), Mode::Shadow);
}

#[test]
fn stricter_sensitivity_holds() {
    let text = "ports: {80: {sensitivity: low}, 81: {sensitivity: low}}\n---\nports: {80: {sensitivity: high}}\n";
    let policy = policy(text);
    let sensitivity = |port| policy.port(Direction::Inbound, port).sensitivity;
    assert_eq!([80, 81, 82].map(sensitivity), [Sensitivity::High, Sensitivity::Low, Sensitivity::Default]);
}

#[test]
fn two_documents_cannot_read_paths_differently() {
    let one = "ports: {80: {readings: {slashes: merged}}}\n";
    assert_eq!(policy(&format!("{one}---\n{one}")).len(), 0);
    assert_eq!(refused(&format!("{one}---\nports: {{80: {{readings: {{slashes: kept}}}}}}\n")).len(), 1);
}

#[test]
fn reload_that_weakens_says_how() {
    let old = policy("inbound: [GET /a/* from shop/web, POST /b from shop/web]\ndeny: [ANY /a/secret]\n");
    let says = |text: &str| policy(text).weaker_than(&old);
    assert_eq!(old.weaker_than(&old), [""; 0]);
    assert_eq!(says("inbound: [GET /a/b from shop/web]\ndeny: ['ANY /A/{rest...}']\n"), [""; 0]);
    assert_eq!(
        says(
            "mode: shadow\ninbound: [GET /a/* from shop/*]\nports: {80: {sensitivity: low, readings: {params: cut}}}\n"
        ),
        [
            "rule \"GET /a/* from shop/*\" newly grants: GET /a/* from spiffe://prod.example/ns/shop/sa/*",
            "no longer denied by \"ANY /a/secret\": ANY /a/secret from any",
            "inbound other ports: mode shadow instead of enforce",
            "inbound port 80: mode shadow instead of enforce",
            "inbound port 80: sensitivity low instead of default",
            "inbound port 80: paths are read only as params cut",
            "outbound other ports: mode shadow instead of enforce",
        ]
    );
}

#[test]
fn narrower_denial_weakens() {
    let deny = |rule: &str| policy(&format!("deny: [{rule}]\n"));
    let weaker = |now: &str, before: &str| !deny(now).weaker_than(&deny(before)).is_empty();
    let keys = |keys: &str| format!("{{name: a, path: /a, query: [{keys}]}}");
    assert!(weaker(&keys("x"), &keys("x, y")) && weaker(&keys("x"), &keys("")));
    assert!(!weaker(&keys("x, y"), &keys("x")) && !weaker(&keys(""), &keys("x")));
    assert!(weaker("GET /a", "ANY /a") && weaker("ANY /a", "'ANY /a/{r...}'") && weaker("ANY /a from b/c", "ANY /a"));
    assert!(!weaker("ANY /A/", "TRACE /a") && !weaker("'ANY /a/{r...}'", "ANY /a"));
    assert!(weaker("{name: a, path: /a, headers: {x: '1'}}", "{name: a, path: /a, headers: {x: ['1', '2']}}"));
}

#[test]
fn hash_is_of_the_meaning() {
    let hash = |text: &str| policy(text).hash().to_string();
    let one = hash("inbound: [GET /a from shop/web, GET /b from any]\n");
    assert_eq!(one.len(), 64);
    assert_eq!(one, hash("inbound:\n  - GET   /b from any\n  - GET /a from shop/web\n"));
    assert_ne!(one, hash("inbound: [GET /a from shop/web, GET /c from any]\n"));
    assert_ne!(one, hash("mode: shadow\ninbound: [GET /a from shop/web, GET /b from any]\n"));
}
