//! What holds for all DNS messages: they are refused, or understood; what is written of them is understood again. And for
//! all first bytes of a connection: a ClientHello that is read is the same with more behind it; identifying ends.

use podwall::flow::Side;
use podwall::protocol::dns::{Answer, MAX_MESSAGE, Query};
use podwall::protocol::{hello, identify};

pub(crate) fn messages() -> Vec<Vec<u8>> {
    let query: &[u8] = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\x01\x03aPi\x03svc\0\0\x01\0\x01\0\0\x29\x10\0\0\0\x80\0\0\0";
    let answer: &[u8] = b"\x12\x34\x81\x80\0\x01\0\x03\0\x01\0\x01\x03aPi\x03svc\0\0\x41\0\x01\
        \xC0\x0C\0\x05\0\x01\0\0\0\x3C\0\x04\x01b\xC0\x10\
        \xC0\x25\0\x41\0\x01\0\0\0\x3C\0\x12\0\x01\0\0\x04\0\x04\x0A\0\0\x01\0\x05\0\x02xx\
        \xC0\x0C\0\x10\0\x01\0\0\0\x3C\0\x06\x03abc\x01d\
        \xC0\x10\0\x06\0\x01\0\0\0\x3C\0\x18\xC0\x10\xC0\x0Caaaabbbbccccddddeeee\
        \0\0\x29\x04\xD0\x01\0\x80\0\0\x09\0\x0F\0\x05\0\x0Fabc";
    vec![query.to_vec(), answer.to_vec()]
}

pub(crate) fn message(bytes: &[u8]) {
    if let Ok(query) = Query::decode(bytes) {
        let mut out = Vec::new();
        query.emit(query.id, &mut out);
        let again = Query::decode(&out).unwrap();
        assert_eq!((again.name.wire(), again.of, again.flags), (query.name.wire(), query.of, query.flags));
    }
    if let Ok(answer) = Answer::decode(bytes) {
        let edns = answer.edns.is_some();
        let query = Query {
            id: answer.id,
            flags: answer.flags,
            name: answer.name.clone(),
            of: answer.of,
            edns: edns.then(Default::default),
        };
        let mut out = Vec::new();
        answer.emit(&query, 0, MAX_MESSAGE, &mut out);
        let again = Answer::decode(&out).unwrap();
        assert!(again.flags.has(podwall::protocol::dns::header::Flags::TC) || again.answers == answer.answers);
    }
}

pub(crate) fn openings() -> Vec<Vec<u8>> {
    let paths = std::fs::read_dir("tests/data/identify").unwrap().map(|file| file.unwrap().path());
    paths.filter(|path| path.is_file()).map(|path| std::fs::read(path).unwrap()).collect()
}

pub(crate) fn opening(bytes: &[u8]) {
    for side in [Side::Client, Side::Server] {
        let _ = identify::identify(side, bytes);
    }
    if let Ok(Some(read)) = hello::read(bytes) {
        assert_eq!(hello::read(&[bytes, b"more"].concat()), Ok(Some(read)));
    }
}
