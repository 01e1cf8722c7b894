//! An attack stays one wherever it stands and however it is spelled; what honest callers send stays honest. The attacks of
//! `tests/data/attacks` (one to a line) and the values of `tests/data/benign` are sent through every place, encoding and
//! padding. Where a value cannot stand (a line break in a header), it is left out.

#![allow(clippy::unwrap_used, clippy::string_slice, clippy::indexing_slicing)] // a test: what fails, fails it

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Of the attacks in all their forms, so many in a hundred are caught.
const CAUGHT_PERCENT: usize = 98;

#[test]
fn attacks_stay_attacks() {
    let rows = forms(&attacks());
    let missed = with_verdict(&rows, "allow");
    let caught = rows.len() - missed.len();
    println!("{caught} of {} forms of {} attacks caught; missed:\n{}", rows.len(), attacks().len(), missed.join("\n"));
    let enough = caught * 100 >= rows.len() * CAUGHT_PERCENT;
    assert!(enough, "less than {CAUGHT_PERCENT} %");
    let plain = missed.iter().filter(|row| row.contains("@query plain bare")).collect::<Vec<_>>();
    assert!(plain.is_empty(), "missed as they stand: {plain:?}");
}

#[test]
fn honest_values_stay_honest() {
    let mut rows = forms(&honest());
    // A path of dots or of another path is refused as such, whoever sends it.
    rows.retain(|row| row["id"].as_str().is_some_and(|id| !(id.contains(" @path ") && id.contains('/'))));
    let denied = with_verdict(&rows, "deny");
    assert!(denied.is_empty(), "{} denied:\n{}", denied.len(), denied.join("\n"));
}

/// The same with attacks of one's own, one to a line: `PODWALL_ATTACKS=FILE cargo test --test metamorphic -- --ignored`. Those
/// that are caught as they stand in a query must be caught in all other forms, but for two in a hundred.
#[test]
#[ignore = "needs a file of attacks"]
#[expect(clippy::disallowed_methods, reason = "a test that is run by hand, with its input")]
fn given_attacks_stay_attacks() {
    let file = std::env::var("PODWALL_ATTACKS").expect("PODWALL_ATTACKS names a file of attacks, one to a line");
    let given: Vec<String> = fs::read_to_string(file).unwrap().lines().map(str::to_owned).collect();
    let plain: Vec<Value> = given
        .iter()
        .enumerate()
        .map(|(at, value)| json!({"id": at.to_string(), "request": Place::Query.requests(value).remove(0).2}))
        .collect();
    let missed: Vec<usize> = with_verdict(&plain, "allow").iter().map(|row| number_of(row)).collect();
    let caught: Vec<String> =
        given.iter().enumerate().filter(|(at, _)| !missed.contains(at)).map(|(_, value)| value.clone()).collect();
    let (mut all, mut lost) = (0, Vec::new());
    for some in caught.chunks(500) {
        let rows = forms(some);
        all += rows.len();
        lost.extend(with_verdict(&rows, "allow"));
    }
    let stay = 100.0 - lost.len() as f64 * 100.0 / all as f64;
    let form = |row: &String| {
        row.rsplit_once(" @").map_or(String::new(), |(_, form)| form.split('\t').next().unwrap_or_default().to_owned())
    };
    let mut forms: Vec<String> = lost.iter().map(form).collect();
    forms.sort();
    let groups = forms.chunk_by(|a, b| a == b).map(|group| format!("{} {}", group.len(), group[0]));
    println!(
        "{} of {} caught; of {all} forms of them {stay:.2} % are\n{}",
        caught.len(),
        given.len(),
        groups.collect::<Vec<_>>().join("\n")
    );
    assert!(stay >= CAUGHT_PERCENT as f64, "less than {CAUGHT_PERCENT} %");
}

/// The number that a row has for its id.
fn number_of(row: &str) -> usize {
    row.split('\t').next().unwrap().parse().unwrap()
}

fn data(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(folder);
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn attacks() -> Vec<String> {
    let lines = |file: &PathBuf| fs::read_to_string(file).unwrap().lines().map(str::to_owned).collect::<Vec<_>>();
    data("attacks").iter().flat_map(lines).collect()
}

/// Values that travel as parameters; documents do not.
fn honest() -> Vec<String> {
    let travels = |file: &&PathBuf| {
        ["names", "prose", "queries", "urls"].iter().any(|name| file.ends_with(format!("{name}.txt")))
    };
    let values = |file: &PathBuf| {
        let text = fs::read_to_string(file).unwrap();
        text.trim_end().split("\n---\n").map(str::to_owned).collect::<Vec<_>>()
    };
    data("benign").iter().filter(travels).flat_map(values).collect()
}

/// Every value in every padding, encoding and place, as rows for `podwall judge`.
fn forms(values: &[String]) -> Vec<Value> {
    let mut rows = Vec::new();
    for value in values {
        for (padding, padded) in paddings(value) {
            for (place, encoding, request) in PLACES.iter().flat_map(|place| place.requests(&padded)) {
                let id = format!("{} @{place} {encoding} {padding}", value.escape_debug());
                rows.push(json!({"id": id, "request": request}));
            }
        }
    }
    rows
}

fn paddings(value: &str) -> [(&'static str, String); 3] {
    [("bare", value.to_owned()), ("blanks", format!("  {value} ")), ("name", format!("kettle {value}"))]
        .map(|(name, padded)| (name, if name == "name" && !joins(value) { value.to_owned() } else { padded }))
}

/// Whether a value that stands behind a word is still what it was: one that breaks out of where it stands. A command in
/// backquotes behind a word is how texts quote code.
fn joins(value: &str) -> bool {
    value.starts_with([';', '|', '&', '<', '\'', '"'])
}

/// Where a value can stand, and the encodings that are undone there.
enum Place {
    Query,
    Form,
    Json,
    Multipart,
    Header,
    Cookie,
    Path,
    Grpc,
    WebSocket,
}

#[rustfmt::skip] // a table
const PLACES: &[Place] = &[
    Place::Query, Place::Form, Place::Json, Place::Multipart, Place::Header, Place::Cookie, Place::Path, Place::Grpc,
    Place::WebSocket,
];

impl Place {
    fn requests(&self, value: &str) -> Vec<(&'static str, &'static str, Value)> {
        let (once, twice) = (percent(value, 1), percent(value, 2));
        let get = |path: String, header: [&str; 2]| json!({"method": "GET", "path": path, "headers": [["Host", "shop"], header]});
        let accept = ["Accept", "*/*"];
        let form = "application/x-www-form-urlencoded";
        let printable = value.bytes().all(|byte| (b' '..=b'~').contains(&byte)) && value.trim() == value;
        match self {
            Self::Query => vec![
                ("query", "plain", get(format!("/v1/things?page=2&q={once}&size=5"), accept)),
                ("query", "twice", get(format!("/v1/things?q={twice}"), accept)),
            ],
            Self::Form => vec![
                ("form", "plain", post(form, &format!("id=7&note={once}"))),
                ("form", "twice", post(form, &format!("note={twice}"))),
            ],
            Self::Json => vec![
                (
                    "json",
                    "plain",
                    post("application/json", &json!({"id": 7, "note": value, "tags": ["a"]}).to_string()),
                ),
                ("json", "escaped", post("application/json", &format!("{{\"note\": \"{}\"}}", escaped(value)))),
                (
                    "json",
                    "nested",
                    post("application/json", &json!({"q": json!({"note": value}).to_string()}).to_string()),
                ),
                ("json", "as form", post("text/plain", &json!({"note": value}).to_string())),
            ],
            Self::Multipart => {
                let body = format!("--b\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\n{value}\r\n--b--\r\n");
                vec![("multipart", "plain", post("multipart/form-data; boundary=b", &body))]
            }
            Self::Header => {
                let percent = ("header", "percent", get("/v1/things".into(), ["X-Note", &once]));
                let plain = printable.then(|| ("header", "plain", get("/v1/things".into(), ["X-Note", value])));
                plain.into_iter().chain([percent]).collect()
            }
            Self::Cookie => {
                vec![("cookie", "percent", get("/v1/things".into(), ["Cookie", &format!("a=1; note={once}; b=2")]))]
            }
            Self::Path => vec![("path", "percent", get(format!("/v1/things/{once}"), accept))],
            Self::Grpc => vec![
                ("grpc", "field", call(&field(2, value.as_bytes()))),
                ("grpc", "nested", call(&field(3, &[field(1, b"note"), field(2, value.as_bytes())].concat()))),
            ],
            Self::WebSocket => vec![
                ("websocket", "json", socket(&json!({"id": 7, "note": value}).to_string())),
                ("websocket", "plain", socket(value)),
            ],
        }
    }
}

fn post(content_type: &str, body: &str) -> Value {
    let headers = json!([["Host", "shop"], ["Content-Type", content_type]]);
    json!({"method": "POST", "path": "/v1/things", "headers": headers, "body_b64": STANDARD.encode(body)})
}

/// A call of gRPC with one message of Protocol Buffers: a number, and these fields.
fn call(fields: &[u8]) -> Value {
    let message = [&[0x08, 0x07][..], fields].concat();
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    let headers = json!([["Host", "shop"], ["Content-Type", "application/grpc"], ["TE", "trailers"]]);
    let body = STANDARD.encode([&[0][..], &length, &message].concat());
    json!({"method": "POST", "path": "/shop.Things/Add", "headers": headers, "body_b64": body})
}

/// A field of Protocol Buffers that has a length.
fn field(number: u8, value: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    let mut length = value.len();
    while length >= 0x80 {
        out.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
        length >>= 7;
    }
    out.push(u8::try_from(length).unwrap());
    [out, value.to_vec()].concat()
}

/// A message on a WebSocket.
fn socket(message: &str) -> Value {
    let headers = json!([["Host", "shop"], ["Upgrade", "websocket"], ["Sec-WebSocket-Version", "13"]]);
    json!({"method": "GET", "path": "/v1/live", "headers": headers, "messages_b64": [STANDARD.encode(message)]})
}

/// Every byte but letters and digits, percent-encoded so many times.
fn percent(value: &str, times: usize) -> String {
    let mark = format!("%{}", "25".repeat(times - 1));
    let spell = |byte: u8| {
        if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("{mark}{byte:02X}") }
    };
    value.bytes().map(spell).collect()
}

/// Every character as `\u0041`.
fn escaped(value: &str) -> String {
    value.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect()
}

/// The ids of the rows that get this verdict, with the reason.
fn with_verdict(rows: &[Value], verdict: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let (input, out) = (folder.path().join("rows.jsonl"), folder.path().join("out.tsv"));
    fs::write(&input, rows.iter().map(Value::to_string).collect::<Vec<_>>().join("\n")).unwrap();
    let mut judge = Command::new(env!("CARGO_BIN_EXE_podwall"));
    judge.args(["judge", "--rows"]).arg(&input).arg("--out").arg(&out);
    assert!(judge.status().unwrap().success());
    let verdicts = fs::read_to_string(&out).unwrap();
    assert_eq!(verdicts.lines().count(), rows.len());
    let wanted = format!("\t{verdict}\t");
    verdicts.lines().filter(|line| line.contains(&wanted)).map(|line| line.chars().take(300).collect()).collect()
}
