//! What holds for all bytes that reach the HTTP/1 codec and the readings of a path.

use podwall::canon::path::{self, Paths, Readings};
use podwall::protocol::Malformed;
use podwall::protocol::http1::{Asked, BodyDecoder, Framing, Limits, RequestHead, ResponseHead, Scan, Version, emit};

pub(crate) fn requests() -> Vec<Vec<u8>> {
    rows(include_str!("../data/http1/requests.txt"), 32)
}

pub(crate) fn responses() -> Vec<Vec<u8>> {
    rows(include_str!("../data/http1/responses.txt"), 43)
}

pub(crate) fn bodies() -> Vec<Vec<u8>> {
    rows(include_str!("../data/http1/bodies.txt"), 32)
}

pub(crate) fn paths() -> Vec<Vec<u8>> {
    let paths = ["/orders/7", "/a%2Fb;v=1//c", "/%252e%252E/x", "/a\\b%5Cc", "//host/a", "/caf%c3%a9/%e9/..;x/%00"];
    paths.map(|path| path.as_bytes().to_vec()).to_vec()
}

/// The bytes of each row of a table, which begin at this column.
fn rows(table: &str, column: usize) -> Vec<Vec<u8>> {
    let rows = table.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    rows.map(|line| line[column..].replace("\\r", "\r").replace("\\n", "\n").into_bytes()).collect()
}

/// Any split decodes alike; what is written of a request that was taken is taken again; its accesses and parts are made
/// without a panic.
pub(crate) fn request(bytes: &[u8]) {
    let limits = Limits::default();
    let whole = RequestHead::decode(bytes, &limits);
    let (mut scan, mut split) = (Scan::default(), Ok(None));
    for end in (0..bytes.len()).step_by(7).chain([bytes.len()]) {
        split = RequestHead::decode_on(&bytes[..end], &mut scan, &limits);
        if !matches!(split, Ok(None)) {
            break;
        }
    }
    assert_eq!(outcome(&whole, |head| head.len), outcome(&split, |head| head.len));
    let Ok(Some(head)) = whole else { return };
    let view = head.view(bytes);
    let request = view.request();
    let resources =
        request.accesses(&Readings::default()).map(|all| all.iter().map(|a| a.resource()).collect::<Vec<_>>());
    assert!(request.parts().iter().all(|part| part.raw.len() <= bytes.len()));
    let mut out = Vec::new();
    emit::request_head(&mut out, view, &emit::Rewrite { framing: head.framing, ..Default::default() });
    let again = RequestHead::decode(&out, &Limits { head_bytes: 1 << 20, ..limits }).unwrap().unwrap();
    let second = again.view(&out).request();
    let after = second.accesses(&Readings::default()).map(|all| all.iter().map(|a| a.resource()).collect::<Vec<_>>());
    assert_eq!((resources, head.framing), (after, again.framing));
}

pub(crate) fn response(bytes: &[u8]) {
    for asked in
        [Asked::default(), Asked { head: true, ..Asked::default() }, Asked { connect: true, ..Asked::default() }]
    {
        let Ok(Some(head)) = ResponseHead::decode(bytes, asked, &Limits::default()) else { continue };
        for client in [Version::Http10, Version::Http11] {
            let framing = head.framing_for(client);
            let mut out = Vec::new();
            emit::response_head(&mut out, head.view(bytes), &emit::Reply { framing, client, keep_alive: true });
            let again = ResponseHead::decode(&out, asked, &Limits { head_bytes: 1 << 20, ..Limits::default() });
            let again = again.unwrap().unwrap();
            assert_eq!((again.status, again.framing), (head.status, framing));
        }
    }
}

/// Any split gives the same content, the same end and the same trailers, or the same refusal.
pub(crate) fn body(bytes: &[u8]) {
    let decode = |step: usize| {
        let mut decoder = BodyDecoder::new(Framing::Chunked, &Limits::default());
        let (mut out, mut consumed) = (Vec::new(), 0);
        for piece in bytes.chunks(step) {
            match decoder.decode(piece, &mut out) {
                Ok(progress) => consumed += progress.consumed,
                Err(fault) => return (Err(fault.why), out, 0),
            }
            if decoder.is_done() {
                break;
            }
        }
        let trailers: Vec<Vec<u8>> = decoder.trailers().iter().map(|trailer| trailer.name.to_owned()).collect();
        (Ok((decoder.is_done(), trailers)), out, consumed)
    };
    let whole = decode(bytes.len().max(1));
    assert_eq!(whole, decode(1));
    assert_eq!(whole, decode(5));
}

/// Readings are few, begin with a slash when the path does, and have no dot segment.
pub(crate) fn path(bytes: &[u8]) {
    let Ok(paths) = path::readings(bytes, &Readings::default()) else { return };
    assert!((1..=Paths::MAX).contains(&paths.len()));
    for reading in paths.iter() {
        assert!(!bytes.starts_with(b"/") || reading.starts_with('/'), "{reading}");
        assert!(!reading.split(['/', '\\']).any(|segment| matches!(segment, "." | "..")), "{reading}");
    }
}

fn outcome<T>(
    decoded: &Result<Option<T>, Malformed>,
    len: impl Fn(&T) -> usize,
) -> Result<Option<usize>, &'static str> {
    decoded.as_ref().map(|head| head.as_ref().map(len)).map_err(|fault| fault.why.name)
}
