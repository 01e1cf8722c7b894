//! What honest callers send, in every place where it can stand: nothing of it is denied. The values of
//! `tests/data/benign` are parted by lines of three dashes. Names, prose, queries, tokens and addresses go everywhere;
//! whole documents (code, logs, markdown, configuration) go where documents go.

#![allow(clippy::unwrap_used, clippy::string_slice, clippy::indexing_slicing)] // a test: what fails, fails it

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::Command;

#[test]
fn honest_values_are_not_denied_anywhere() {
    not_denied(&values().iter().flat_map(|(id, value)| requests(id, value)).collect::<Vec<_>>());
}

fn not_denied(rows: &[Value]) {
    let folder = tempfile::tempdir().unwrap();
    let all: Vec<String> = rows.iter().map(Value::to_string).collect();
    let (rows, out) = (folder.path().join("rows.jsonl"), folder.path().join("out.tsv"));
    fs::write(&rows, all.join("\n")).unwrap();
    let mut judge = Command::new(env!("CARGO_BIN_EXE_podwall"));
    judge.args(["judge", "--rows"]).arg(&rows).arg("--out").arg(&out);
    assert!(judge.status().unwrap().success());
    let verdicts = fs::read_to_string(&out).unwrap();
    assert_eq!(verdicts.lines().count(), all.len());
    let denied: Vec<&str> = verdicts.lines().filter(|line| line.contains("\tdeny\t")).collect();
    assert!(denied.is_empty(), "{} denied:\n{}", denied.len(), denied.join("\n"));
}

/// Many small units that come at once are within the budget of what they come in.
#[test]
fn small_texts_in_great_number_are_judged_to_their_end() {
    let texts = [
        "order 17",
        "O'Brien",
        "select",
        "5 < 7",
        "a;b",
        "x=1",
        "it's",
        "(a)",
        "a|b",
        "$5",
        "<b>",
        "http://a/b",
        "1 and 2",
    ];
    let rows = texts.iter().flat_map(|text| {
        let field = [&[10, text.len() as u8], text.as_bytes()].concat();
        let message = [&[0, 0, 0, 0, field.len() as u8], &field[..]].concat();
        let bodies = [
            ("application/grpc", message.repeat(500)),
            ("application/json", json!(vec![text; 500]).to_string().into_bytes()),
            ("application/x-ndjson", (json!({"a": text}).to_string() + "\n").repeat(500).into_bytes()),
        ];
        bodies.map(|(kind, body)| {
            let headers = json!([["Host", "api.example.com"], ["Content-Type", kind], ["TE", "trailers"]]);
            let request = json!({"method": "POST", "path": "/shop.Orders/Put", "headers": headers, "body_b64": STANDARD.encode(body)});
            json!({"id": format!("{text:?}@{kind}"), "request": request})
        })
    });
    not_denied(&rows.collect::<Vec<_>>());
}

/// Each value of the corpus with the name of its file and its number there.
fn values() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/benign");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let numbered = |file: &std::path::PathBuf| {
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(file).unwrap();
        let values = text.trim_end().split("\n---\n").map(str::to_owned).collect::<Vec<_>>();
        values.into_iter().enumerate().map(move |(number, value)| (format!("{name}-{}", number + 1), value))
    };
    files.iter().flat_map(numbered).collect()
}

/// Files whose values travel as JSON strings, uploads or bodies, not as parameters.
const DOCUMENTS: &[&str] = &["code", "config", "logs", "markdown"];

/// The value in a JSON string, a multipart field and a text body; if it is no document, also in a query, a form and, if it
/// fits there, a header.
fn requests(id: &str, value: &str) -> Vec<Value> {
    let body = |place: &str, content_type: &str, body: String| {
        let headers = json!([["Host", "api.example.com"], ["Content-Type", content_type]]);
        let request =
            json!({"method": "POST", "path": "/v1/things", "headers": headers, "body_b64": STANDARD.encode(body)});
        json!({"id": format!("{id}@{place}"), "request": request})
    };
    let get = |place: &str, path: String, header: [&str; 2]| {
        let headers = json!([["Host", "api.example.com"], header]);
        json!({"id": format!("{id}@{place}"), "request": {"method": "GET", "path": path, "headers": headers}})
    };
    let encoded = percent_encoded(value);
    let document = DOCUMENTS.iter().any(|kind| id.starts_with(kind));
    let name = if document { "name=\"file\"; filename=\"notes.txt\"" } else { "name=\"note\"" };
    let field = format!("--b\r\nContent-Disposition: form-data; {name}\r\n\r\n{value}\r\n--b--\r\n");
    let mut all = vec![
        body("json", "application/json", json!({"id": 7, "note": value, "tags": ["a", "b"]}).to_string()),
        body("multipart", "multipart/form-data; boundary=b", field),
        body("text", "text/plain", value.to_owned()),
    ];
    if document {
        return all;
    }
    all.push(get("query", format!("/v1/things?q={encoded}&page=2"), ["Accept", "application/json"]));
    all.push(body("form", "application/x-www-form-urlencoded", format!("note={encoded}&id=7")));
    if value.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        all.push(get("header", "/v1/things".to_owned(), ["X-Note", value]));
    }
    all
}

fn percent_encoded(value: &str) -> String {
    let spell =
        |byte: u8| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    value.bytes().map(spell).collect()
}
