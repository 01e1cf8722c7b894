//! A request as it is written down in JSON becomes its bytes on the wire.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use std::io;

/// A request as it is written down.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Request {
    /// Its bytes.
    Raw { raw_b64: String },
    /// Its pieces.
    Written {
        method: String,
        path: String,
        headers: Vec<(String, String)>,
        body_b64: Option<String>,
        /// What the client sends once its upgrade to a WebSocket was answered, message by message.
        #[serde(default)]
        messages_b64: Vec<String>,
    },
}

impl Request {
    /// The bytes on the wire.
    pub(super) fn wire(&self) -> io::Result<Vec<u8>> {
        match self {
            Self::Raw { raw_b64 } => decoded(raw_b64),
            Self::Written { method, path, headers, body_b64, .. } => {
                let body = body_b64.as_deref().map(decoded).transpose()?;
                let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
                Ok(written(method, path, headers, body.as_deref()))
            }
        }
    }
}

impl Request {
    /// The messages that follow it.
    pub(super) fn messages(&self) -> io::Result<Vec<Vec<u8>>> {
        match self {
            Self::Raw { .. } => Ok(Vec::new()),
            Self::Written { messages_b64, .. } => messages_b64.iter().map(|message| decoded(message)).collect(),
        }
    }
}

/// A request on the wire. Fields about the connection and the length are written anew.
pub(super) fn written<'a>(
    method: &str,
    target: &str,
    headers: impl Iterator<Item = (&'a str, &'a str)>,
    body: Option<&[u8]>,
) -> Vec<u8> {
    let mut wire = format!("{method} {target} HTTP/1.1\r\n");
    for (name, value) in headers.filter(|(name, _)| !is_framing(name)) {
        wire.extend([name, ": ", value, "\r\n"]);
    }
    let expected = ["POST", "PUT", "PATCH"].contains(&method);
    if let Some(length) = body.map(<[u8]>::len).or(expected.then_some(0)) {
        wire.push_str(&format!("Content-Length: {length}\r\n"));
    }
    wire.push_str("\r\n");
    [wire.as_bytes(), body.unwrap_or_default()].concat()
}

fn is_framing(name: &str) -> bool {
    ["connection", "content-length", "transfer-encoding"].iter().any(|field| name.eq_ignore_ascii_case(field))
}

/// What base64 stands for.
pub(super) fn decoded(base64: &str) -> io::Result<Vec<u8>> {
    STANDARD.decode(base64).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_request_becomes_its_wire_form() {
        let request: Request = serde_json::from_str(
            r#"{"method": "POST", "path": "/a?b=c", "headers": [["Host", "h"], ["Content-Length", "9"]],
                "body_b64": "aGk="}"#,
        )
        .unwrap();
        let wire = request.wire().unwrap();
        assert_eq!(wire, b"POST /a?b=c HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi");
    }

    #[test]
    fn raw_request_is_taken_as_it_is() {
        let request: Request = serde_json::from_str(r#"{"raw_b64": "R0VUIC8="}"#).unwrap();
        assert_eq!(request.wire().unwrap(), b"GET /");
    }
}
