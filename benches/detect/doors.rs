//! The ways by which bytes come to the detectors: as a value in one of its places, as a whole body with its decoding, as a
//! part of a head.

use super::traffic::BYTES;
use flate2::Compression;
use flate2::write::GzEncoder;
use podwall::detect::Detectors;
use podwall::engine::Engine;
use podwall::flow::{Found, Fuel, Part, Place};
use podwall::protocol::body::{self, Declared};
use podwall::protocol::grpc;
use podwall::protocol::http1::{self, RequestHead};
use std::borrow::Cow;
use std::io::Write;

/// A way by which bytes come to the detectors; gives the steps that were taken.
pub(crate) struct Door {
    pub(crate) name: &'static str,
    /// What is sent to it of an input. The sender's work: never timed.
    pub(crate) sent: fn(&[u8]) -> Vec<u8>,
    pub(crate) enter: fn(&Detectors, &[u8]) -> u64,
}

pub(crate) static DOORS: &[Door] = &[
    Door {
        name: "query value",
        sent: <[u8]>::to_vec,
        enter: |detectors, sent| place(detectors, Place::QueryValue, sent),
    },
    Door {
        name: "JSON value",
        sent: <[u8]>::to_vec,
        enter: |detectors, sent| place(detectors, Place::JsonValue, sent),
    },
    Door {
        name: "header value",
        sent: <[u8]>::to_vec,
        enter: |detectors, sent| place(detectors, Place::HeaderValue, sent),
    },
    Door {
        name: "path segment",
        sent: <[u8]>::to_vec,
        enter: |detectors, sent| place(detectors, Place::PathSegment, sent),
    },
    Door { name: "text", sent: <[u8]>::to_vec, enter: |detectors, sent| place(detectors, Place::BodyText, sent) },
    Door { name: "form name", sent: <[u8]>::to_vec, enter: |detectors, sent| place(detectors, Place::FormName, sent) },
    Door { name: "file name", sent: <[u8]>::to_vec, enter: |detectors, sent| place(detectors, Place::FileName, sent) },
    Door { name: "markup", sent: <[u8]>::to_vec, enter: |detectors, sent| place(detectors, Place::XmlMarkup, sent) },
    Door { name: "statement", sent: <[u8]>::to_vec, enter: |detectors, sent| place(detectors, Place::SqlText, sent) },
    Door {
        name: "JSON body",
        sent: <[u8]>::to_vec,
        enter: |detectors, sent| body(detectors, "application/json", "", sent),
    },
    Door {
        name: "XML body",
        sent: <[u8]>::to_vec,
        enter: |detectors, sent| body(detectors, "application/xml", "", sent),
    },
    Door {
        name: "form body",
        sent: <[u8]>::to_vec,
        enter: |detectors, sent| body(detectors, "application/x-www-form-urlencoded", "", sent),
    },
    Door { name: "JSON string", sent: string, enter: |detectors, sent| body(detectors, "application/json", "", sent) },
    Door { name: "XML text", sent: element, enter: |detectors, sent| body(detectors, "application/xml", "", sent) },
    Door {
        name: "multipart field",
        sent: field,
        enter: |detectors, sent| body(detectors, "multipart/form-data; boundary=b", "", sent),
    },
    Door {
        name: "multipart head",
        sent: entity,
        enter: |detectors, sent| body(detectors, "multipart/form-data; boundary=b", "", sent),
    },
    Door { name: "gRPC message", sent: protobuf, enter: |detectors, sent| message(detectors, sent) },
    Door {
        name: "GraphQL body",
        sent: <[u8]>::to_vec,
        enter: |detectors, sent| body(detectors, "application/graphql", "", sent),
    },
    Door { name: "unknown body", sent: <[u8]>::to_vec, enter: |detectors, sent| body(detectors, "", "", sent) },
    Door { name: "packed body", sent: packed, enter: |detectors, sent| body(detectors, "", "gzip", sent) },
    Door { name: "request target", sent: target, enter: |detectors, sent| head(detectors, sent) },
    Door { name: "cookie", sent: cookie, enter: |detectors, sent| head(detectors, sent) },
];

fn place(detectors: &Detectors, place: Place, input: &[u8]) -> u64 {
    inspected(detectors, &[Part::plain(place, b"q", input)], Engine::budget(input.len()))
}

/// A whole body: its codings undone, read and inspected under the budget of its size.
fn body(detectors: &Detectors, kind: &str, coding: &str, bytes: &[u8]) -> u64 {
    let declared = Declared {
        content_type: Some(kind.as_bytes()),
        content_encoding: Some(coding.as_bytes()).filter(|coding| !coding.is_empty()),
    };
    let limits = body::Limits::default();
    let Ok(opened) = body::open(bytes, &declared, &limits, &mut Engine::budget(bytes.len())) else { return 0 };
    let mut fuel = Engine::budget(opened.bytes());
    let full = fuel.left();
    match opened.parts(&limits, &mut fuel) {
        Ok(parts) => full - fuel.left() + inspected(detectors, &parts, fuel),
        Err(_) => full - fuel.left(),
    }
}

fn head(detectors: &Detectors, bytes: &[u8]) -> u64 {
    match RequestHead::decode(bytes, &http1::Limits::default()) {
        Ok(Some(head)) => inspected(detectors, &head.view(bytes).request().parts(), Engine::budget(bytes.len())),
        _ => 0,
    }
}

fn inspected(detectors: &Detectors, parts: &[Part<'_>], mut fuel: Fuel) -> u64 {
    let full = fuel.left();
    detectors.inspect(parts, &mut Found::default(), &mut fuel);
    full - fuel.left()
}

/// Unpacked, it has the size of the other inputs.
fn packed(input: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(input).unwrap();
    encoder.finish().unwrap()
}

/// A document of one string, escaped as it must be; about as large as the other inputs.
fn string(input: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(input);
    let shortest = |text: &str| serde_json::Value::from(text).to_string();
    let mut end = text.len();
    while end > 0 && (!text.is_char_boundary(end) || shortest(&text[..end]).len() > BYTES.max(input.len())) {
        end -= 1 + end / 16 * usize::from(text.is_char_boundary(end));
    }
    format!("{{\"a\":{}}}", shortest(&text[..end])).into_bytes()
}

fn element(input: &[u8]) -> Vec<u8> {
    let escape = |b: &u8| match b {
        b'<' => b"&lt;".to_vec(),
        b'&' => b"&amp;".to_vec(),
        b => vec![*b],
    };
    let inside: Vec<u8> = input.iter().flat_map(escape).take(input.len()).collect();
    [b"<a>", inside.as_slice(), b"</a>"].concat()
}

fn field(input: &[u8]) -> Vec<u8> {
    let head = b"--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n".as_slice();
    [head, input, b"\r\n--b--"].concat()
}

fn entity(input: &[u8]) -> Vec<u8> {
    let name: Vec<u8> = input.iter().copied().filter(|b| *b >= b' ').collect();
    [b"--b\r\nContent-Disposition: form-data; name=", name.as_slice(), b"\r\n\r\nx\r\n--b--"].concat()
}

/// A message whose first field is the input, as a string; and the input again, as a message of its own.
fn protobuf(input: &[u8]) -> Vec<u8> {
    let length = [(input.len() & 0x7f) as u8 | 0x80, (input.len() >> 7) as u8];
    [&[0x0a], length.as_slice(), input].concat()
}

fn message(detectors: &Detectors, bytes: &[u8]) -> u64 {
    let (limits, messages) = (body::Limits::default(), [Cow::Borrowed(bytes)]);
    let mut fuel = Engine::budget(bytes.len());
    let full = fuel.left();
    let Ok(opened) = grpc::opened(&messages, &limits, &mut fuel) else { return full - fuel.left() };
    match grpc::parts(&messages, &opened, &limits, &mut fuel) {
        Ok(parts) => full - fuel.left() + inspected(detectors, &parts, fuel),
        Err(_) => full - fuel.left(),
    }
}

fn target(input: &[u8]) -> Vec<u8> {
    [b"GET /", visible(input).as_slice(), b" HTTP/1.1\r\nHost: a\r\n\r\n"].concat()
}

fn cookie(input: &[u8]) -> Vec<u8> {
    [b"GET / HTTP/1.1\r\nHost: a\r\nCookie: ", visible(input).as_slice(), b"\r\n\r\n"].concat()
}

/// What may not stand in a head, as percent escapes; so many bytes as the input has.
fn visible(input: &[u8]) -> Vec<u8> {
    let escape = |b: &u8| if b.is_ascii_graphic() { vec![*b] } else { format!("%{b:02x}").into_bytes() };
    input.iter().flat_map(escape).take(input.len()).collect()
}
