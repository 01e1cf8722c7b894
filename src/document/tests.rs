//! Documents through the front door: what is reported, where, in which words.

use super::*;
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[allow(dead_code)] // read by serde, shown by Debug
struct Shop {
    kind: Kind,
    name: String,
    #[serde(default)]
    doors: Vec<Door>,
    #[serde(default)]
    ports: BTreeMap<u16, Port>,
    #[serde(default)]
    max_bytes: ByteSize,
    closes_after: Option<HumanDuration>,
    ratio: Option<f64>,
}

#[derive(Debug, Deserialize, JsonSchema)]
enum Kind {
    Shop,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[allow(dead_code)] // read by serde, shown by Debug
enum Door {
    Short(String),
    Long(LongDoor),
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)] // read by serde, shown by Debug
struct LongDoor {
    to: String,
    open: Option<bool>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)] // read by serde, shown by Debug
struct Port {
    mode: crate::flow::Mode,
}

fn problems(text: &str) -> Vec<Problem> {
    read::<Shop>("shop.yaml", text).unwrap_err()
}

fn sentences(text: &str) -> Vec<String> {
    problems(text).iter().map(Problem::one_line).collect()
}

const HEAD: &str = "kind: Shop\nname: a\n";

#[test]
fn good_document_is_read() {
    let text = format!(
        "{HEAD}doors: [front, {{to: back, open: true}}]\nports: {{8080: {{mode: shadow}}}}\nmaxBytes: 1KiB\nclosesAfter: 5m\nratio: 2\n"
    );
    let documents = read::<Shop>("shop.yaml", &text).unwrap();
    let shop = &documents[0].value;
    assert_eq!((shop.max_bytes, shop.closes_after), (ByteSize(1024), HumanDuration::parse("5m")));
    assert_eq!(shop.ratio, Some(2.0));
    assert!(matches!(&shop.doors[..], [Door::Short(_), Door::Long(LongDoor { open: Some(true), .. })]));
    assert_eq!(shop.ports[&8080].mode, crate::flow::Mode::Shadow);
}

#[test]
fn every_problem_is_reported_at_once() {
    let text = "kind: Shopp\nnane: a\ndoors:\n  - too: x\n    open: maybe\n  - 7\nports:\n  http: {}\n  99: {mode: enforced}\nmaxBytes: 5 MB\nclosesAfter: 30\n";
    assert_eq!(
        sentences(text),
        [
            "shop.yaml:1:1: error: name: found nothing, expected text",
            "shop.yaml:1:7: error: kind: found text `Shopp`, expected `Shop`",
            "shop.yaml:2:1: error: nane: found unknown field `nane`, expected one of `closesAfter`, `doors`, `kind`, `maxBytes`, `name`, `ports`, `ratio`",
            "shop.yaml:4:5: error: doors[0].too: found unknown field `too`, expected one of `open`, `to`",
            "shop.yaml:4:5: error: doors[0].to: found nothing, expected text",
            "shop.yaml:5:11: error: doors[0].open: found text `maybe`, expected `true` or `false`",
            "shop.yaml:6:5: error: doors[1]: found number 7, expected text or a mapping",
            "shop.yaml:8:3: error: ports.http: found unknown field `http`, expected a number as the key",
            "shop.yaml:9:14: error: ports.99.mode: found text `enforced`, expected one of `learn`, `shadow`, `enforce`",
            "shop.yaml:10:11: error: maxBytes: found text `5 MB`, expected a number of bytes such as `65536`, `256KiB`, `1MiB`",
            "shop.yaml:11:14: error: closesAfter: found number 30, expected a length of time such as `250ms`, `30s`, `5m`, `1h30m`",
        ]
    );
}

#[test]
fn rendering_is_exact() {
    let found = problems("kind: Shop\nname: a\n\u{20}\u{20}\n\nclosesAftr: 5m\n");
    assert_eq!(
        found[0].render(),
        "error: closesAftr: found unknown field `closesAftr`, expected one of `closesAfter`, `doors`, `kind`, `maxBytes`, `name`, `ports`, `ratio`\n  --> shop.yaml:5:1\n   |\n 5 | closesAftr: 5m\n   | ^^^^^^^^^^\n   = help: did you mean `closesAfter`?\n"
    );
}

#[test]
fn caret_stands_below_its_text_after_escapes() {
    let found = problems("{kind: Shop, name: \"a\u{202e}b\", colour: red}\n");
    let rendered = found[0].render();
    let lines: Vec<&str> = rendered.lines().collect();
    assert!(lines[3].contains("a\\u{202e}b"), "{rendered}");
    assert_eq!(lines[3].find("colour"), lines[4].find('^'), "{rendered}");
}

#[test]
fn long_line_is_shown_around_the_place() {
    let found = problems(&format!("{{kind: Shop, name: {}, colour: red}}\n", "x".repeat(1000)));
    let rendered = found[0].render();
    let lines: Vec<&str> = rendered.lines().collect();
    assert!(found[0].excerpt.chars().count() <= Problem::EXCERPT);
    assert_eq!(lines[3].find("colour"), lines[4].find('^'), "{rendered}");
}

#[test]
fn syntax_errors_have_a_place() {
    let found = problems("kind: Shop\nname: [a\n");
    assert_eq!((found.len(), found[0].expected.as_str()), (1, "YAML"));
    assert!(found[0].line >= 2);
}

#[test]
fn duplicate_key_is_refused_where_it_stands() {
    assert_eq!(
        sentences(&format!("{HEAD}name: b\n")),
        ["shop.yaml:3:1: error: document: found key `name` a second time, expected each key once"]
    );
}

#[test]
fn anchors_aliases_and_tags_are_refused_together() {
    let text = "kind: &k Shop\nname: *k\nratio: !!float 2\n";
    let found: Vec<String> = problems(text).into_iter().map(|problem| problem.found).collect();
    assert_eq!(found, ["an anchor (`&name`)", "an alias (`*name`)", "a tag (`!name`)"]);
}

#[test]
fn depth_is_limited() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(parse("deep.yaml", &nested(limits::DEPTH)).is_ok());
    assert!(parse("deep.yaml", &nested(limits::DEPTH + 1)).is_err());
    assert!(parse("deep.yaml", &"[".repeat(100_000)).is_err());
}

#[test]
fn documents_are_limited() {
    let many = |count: usize| "---\na: 1\n".repeat(count);
    assert_eq!(parse("many.yaml", &many(limits::DOCUMENTS)).unwrap().len(), limits::DOCUMENTS);
    assert!(parse("many.yaml", &many(limits::DOCUMENTS + 1)).is_err());
}

#[test]
fn values_are_limited() {
    let many = |count: usize| format!("[{}]", "1,".repeat(count));
    assert!(parse("many.yaml", &many(limits::NODES - 1)).is_ok());
    assert!(parse("many.yaml", &many(limits::NODES)).is_err());
}

#[test]
fn size_is_limited() {
    let text = "#".repeat(limits::TEXT_BYTES);
    assert!(parse("large.yaml", &text).is_ok());
    assert!(parse("large.yaml", &format!("{text}#")).is_err());
}

#[test]
fn problems_are_limited() {
    let text: String = (0..limits::PROBLEMS + 5).map(|n| format!("x{n}: 1\n")).collect();
    let found = problems(&text);
    assert_eq!(found.len(), limits::PROBLEMS);
    assert!(found.last().unwrap().remedy.contains("7 more"), "{}", found.last().unwrap().remedy);
}

#[test]
fn empty_documents_are_left_out() {
    assert!(read::<Shop>("shop.yaml", "").unwrap().is_empty());
    assert_eq!(read::<Shop>("shop.yaml", &format!("---\n---\n{HEAD}---\n# nothing\n")).unwrap().len(), 1);
}

#[test]
fn problems_in_several_documents_are_reported_together() {
    let found = problems(&format!("{HEAD}x: 1\n---\n{HEAD}y: 1\n"));
    assert_eq!(found.iter().map(|problem| problem.line).collect::<Vec<_>>(), [3, 7]);
}

#[test]
fn meaning_has_a_place_too() {
    let documents = read::<Shop>("shop.yaml", &format!("{HEAD}doors:\n  - front\n  - {{to: back}}\n")).unwrap();
    let at = |field: &str| (documents[0].at(field).line, documents[0].at(field).column);
    assert_eq!(at("doors[0]"), (4, 5));
    assert_eq!(at("doors[1].to"), (5, 10));
    assert_eq!(at("doors[1].open"), (5, 5), "what is not there is shown at what holds it");
    assert_eq!(at("nowhere"), (1, 1));
}

#[test]
fn texts_are_rewritten_with_their_types() {
    let mut tree = parse("shop.yaml", "name: $N\nlist: [$N, $X]\n").unwrap().remove(0);
    tree.rewrite(|text| Ok((text == "$N").then(|| "7".to_owned()))).unwrap();
    let read: Document<BTreeMap<String, serde_json::Value>> = tree.decode().unwrap();
    assert_eq!(serde_json::to_string(&read.value).unwrap(), r#"{"list":[7,"$X"],"name":7}"#);
}

#[test]
fn settings_are_put_at_a_path() {
    let mut tree = parse("shop.yaml", "a: {b: 1}\n").unwrap().remove(0);
    tree.set(&["a", "b"], "PODWALL_A_B", "2").unwrap();
    tree.set(&["c", "d"], "PODWALL_C_D", "[x]").unwrap();
    assert!(tree.set(&["a", "b", "c"], "PODWALL_A_B_C", "3").is_err());
    let read: Document<BTreeMap<String, serde_json::Value>> = tree.decode().unwrap();
    assert_eq!(serde_json::to_string(&read.value).unwrap(), r#"{"a":{"b":2},"c":{"d":["x"]}}"#);
}

#[test]
fn schema_lists_the_fields() {
    let schema = schema::<Shop>();
    assert!(schema.pointer("/properties/closesAfter").is_some());
}

proptest::proptest! {
    #[test]
    fn random_text_never_panics(text in "[a-z:{}\\[\\]&*!|>'\"#%@,?\\- \n\t0-9]{0,200}") {
        let _ = read::<Shop>("random.yaml", &text);
    }

    #[test]
    fn any_text_never_panics(text in ".{0,100}") {
        let _ = read::<Shop>("random.yaml", &text).map_err(|problems| render_all(&problems));
    }
}
