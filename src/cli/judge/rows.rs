//! Requests as JSON lines, and their verdicts as tab-separated lines: for measuring on corpora.

use super::verdict::{Judge, Verdict};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;

#[derive(Deserialize)]
struct Row {
    id: String,
    request: Request,
}

/// A request as it is written down; the wire form is made of it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Request {
    Raw { raw_b64: String },
    Written { method: String, path: String, headers: Vec<(String, String)>, body_b64: Option<String> },
}

/// Judges every line of `file`.
///
/// # Errors
/// When the file cannot be read, a line is not a row, or the verdict cannot be written.
pub(super) fn judge(judge: &Judge, file: &Path, out: &mut impl Write) -> io::Result<()> {
    for line in BufReader::new(open(file)?).lines() {
        let row: Row = serde_json::from_str(&line?)?;
        let verdict = judge.judge(&row.request.wire()?);
        writeln!(out, "{}\t{}", row.id, columns(&verdict))?;
    }
    Ok(())
}

fn open(file: &Path) -> io::Result<Box<dyn Read>> {
    let opened = File::open(file)?;
    if file.extension().is_some_and(|extension| extension == "gz") {
        #[allow(clippy::disallowed_types)] // a file that the user names, not a body from the wire
        return Ok(Box::new(flate2::read::MultiGzDecoder::new(opened)));
    }
    Ok(Box::new(opened))
}

impl Request {
    /// The bytes on the wire. Fields about the connection and the length are written anew.
    fn wire(&self) -> io::Result<Vec<u8>> {
        match self {
            Self::Raw { raw_b64 } => decoded(raw_b64),
            Self::Written { method, path, headers, body_b64 } => {
                let body = body_b64.as_deref().map(decoded).transpose()?;
                let mut wire = format!("{method} {path} HTTP/1.1\r\n");
                for (name, value) in headers.iter().filter(|(name, _)| !is_framing(name)) {
                    wire.extend([name, ": ", value, "\r\n"]);
                }
                match &body {
                    Some(body) => wire.push_str(&format!("Content-Length: {}\r\n", body.len())),
                    None if ["POST", "PUT", "PATCH"].contains(&method.as_str()) => {
                        wire.push_str("Content-Length: 0\r\n");
                    }
                    None => {}
                }
                wire.push_str("\r\n");
                Ok([wire.as_bytes(), body.as_deref().unwrap_or_default()].concat())
            }
        }
    }
}

fn is_framing(name: &str) -> bool {
    ["connection", "content-length", "transfer-encoding"].iter().any(|field| name.eq_ignore_ascii_case(field))
}

fn decoded(base64: &str) -> io::Result<Vec<u8>> {
    STANDARD.decode(base64).map_err(io::Error::other)
}

/// `allow|deny`, status with reason and findings, nanoseconds.
fn columns(verdict: &Verdict) -> String {
    let decision = if verdict.denies() { "deny" } else { "allow" };
    let mut why = vec![verdict.status.to_string()];
    why.extend(Some(verdict.reason.to_owned()).filter(|reason| !reason.is_empty()));
    why.extend(verdict.evidence.iter().map(|evidence| {
        let (hit, place) = (&evidence.hit, evidence.place.name());
        let matched = String::from_utf8_lossy(&evidence.excerpt.matched).escape_debug().to_string();
        format!("{}:{}@{place}{:?}={matched}", hit.signature, hit.weight.0, evidence.chain)
    }));
    format!("{decision}\t{}\t{}", why.join(" "), verdict.nanoseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_request_becomes_its_wire_form() {
        let row: Row = serde_json::from_str(
            r#"{"id": "1", "source": "x", "request": {"method": "POST", "path": "/a?b=c",
                "headers": [["Host", "h"], ["Content-Length", "9"]], "body_b64": "aGk="}}"#,
        )
        .unwrap();
        let wire = row.request.wire().unwrap();
        assert_eq!(wire, b"POST /a?b=c HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi");
    }

    #[test]
    fn raw_request_is_taken_as_it_is() {
        let row: Row = serde_json::from_str(r#"{"id": "1", "request": {"raw_b64": "R0VUIC8="}}"#).unwrap();
        assert_eq!(row.request.wire().unwrap(), b"GET /");
    }
}
