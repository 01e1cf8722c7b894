//! The requests of an HTTP archive, as browsers and proxies save it (HAR 1.2), as their bytes on the wire.

use super::wire;
use serde::Deserialize;
use std::io;

#[derive(Deserialize)]
struct Archive {
    log: Log,
}

#[derive(Deserialize)]
struct Log {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    request: Request,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    method: String,
    url: String,
    headers: Vec<Field>,
    post_data: Option<PostData>,
}

#[derive(Deserialize)]
struct Field {
    name: String,
    value: String,
}

#[derive(Deserialize)]
struct PostData {
    text: Option<String>,
    /// Some tools keep bytes in base64, and say so.
    encoding: Option<String>,
}

/// Each request's method and address, with its bytes.
///
/// # Errors
/// When it is no HTTP archive.
pub(super) fn requests(bytes: &[u8]) -> io::Result<Vec<(String, Vec<u8>)>> {
    let archive: Archive = serde_json::from_slice(bytes)?;
    let named = |entry: &Entry| {
        let Request { method, url, .. } = &entry.request;
        Ok((format!("{method} {url}"), entry.request.wire()?))
    };
    archive.log.entries.iter().map(named).collect()
}

impl Request {
    fn wire(&self) -> io::Result<Vec<u8>> {
        let (authority, target) = parted(&self.url);
        let fields = || self.headers.iter().map(|field| (field.name.as_str(), field.value.as_str()));
        let host = fields().any(|(name, _)| name.eq_ignore_ascii_case("host"));
        let host = (!host).then_some(("Host", authority));
        // What begins with a colon is HTTP/2's way to spell the request line.
        let fields = host.into_iter().chain(fields().filter(|(name, _)| !name.starts_with(':')));
        let body = self.post_data.as_ref().and_then(PostData::bytes).transpose()?;
        Ok(wire::written(&self.method, target, fields, body.as_deref()))
    }
}

impl PostData {
    fn bytes(&self) -> Option<io::Result<Vec<u8>>> {
        let text = self.text.as_ref()?;
        let base64 = self.encoding.as_ref().is_some_and(|encoding| encoding == "base64");
        Some(if base64 { wire::decoded(text) } else { Ok(text.as_bytes().to_vec()) })
    }
}

/// `shop` and `/items?q=1` of `https://shop/items?q=1#top`.
fn parted(url: &str) -> (&str, &str) {
    let url = url.split_once('#').map_or(url, |(url, _)| url);
    let Some((_, rest)) = url.split_once("://") else { return ("", url) };
    match rest.find(['/', '?']).and_then(|at| rest.split_at_checked(at)) {
        Some((authority, target)) => (authority, target),
        None => (rest, "/"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_become_their_wire_form() {
        let text = r#"{"log": {"version": "1.2", "entries": [{"request": {"method": "POST", "url": "https://shop:8443/a?b=c#d",
            "httpVersion": "h2", "headers": [{"name": ":path", "value": "/a"}, {"name": "X-A", "value": "1"}],
            "postData": {"mimeType": "text/plain", "text": "hi"}}}]}}"#;
        let requests = requests(text.as_bytes()).unwrap();
        let wire = b"POST /a?b=c HTTP/1.1\r\nHost: shop:8443\r\nX-A: 1\r\nContent-Length: 2\r\n\r\nhi";
        assert_eq!(requests, [("POST https://shop:8443/a?b=c#d".to_owned(), wire.to_vec())]);
    }

    #[test]
    fn address_without_a_path_asks_for_the_root() {
        assert_eq!(parted("http://shop"), ("shop", "/"));
        assert_eq!(parted("/a"), ("", "/a"));
    }
}
