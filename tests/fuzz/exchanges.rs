//! What holds for all that clients and servers of protocols of questions and answers may send, for every one that is
//! registered: it is refused or read alike however the bytes are cut, and what goes on reads back as what was judged.

use podwall::protocol::exchange::{Decoder, Found};
use podwall::protocol::{PROTOCOLS, exchanges};

const MOST: usize = 4096;

pub(crate) fn questions() -> Vec<Vec<u8>> {
    let texts: &[&[u8]] = &[
        b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2\r\nv\n\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n",
        b"set 'a b' \"\\x41\\n\"\r\n\r\n*0\r\n*1\r\n$4\r\nPING\r\n",
        b"*6\r\n$4\r\nEVAL\r\n$8\r\nreturn 1\r\n$1\r\n2\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n",
        b"*7\r\n$5\r\nXREAD\r\n$5\r\nCOUNT\r\n$1\r\n2\r\n$7\r\nSTREAMS\r\n$1\r\na\r\n$1\r\n0\r\n$1\r\n0\r\n",
        b"*5\r\n$4\r\nSORT\r\n$1\r\na\r\n$2\r\nBY\r\n$3\r\nw_*\r\n$5\r\nSTORE\r\n",
    ];
    texts.iter().map(|text| text.to_vec()).collect()
}

pub(crate) fn question(bytes: &[u8]) {
    for protocol in PROTOCOLS {
        if exchanges(protocol.name, MOST).is_some() {
            let open = || exchanges(protocol.name, MOST).unwrap();
            let (once, whole) = told(&mut *open(), bytes, bytes.len());
            assert_eq!((&once, &whole), (&told(&mut *open(), bytes, 1).0, &told(&mut *open(), bytes, 1).1));
            // What went on says the same when it is read again.
            let (again, _) = told(&mut *open(), &whole, whole.len());
            let messages =
                |told: &[String]| told.iter().filter(|told| !told.starts_with("ended")).cloned().collect::<Vec<_>>();
            assert_eq!(messages(&once), messages(&again));
        }
    }
}

/// What each message asks for, in words, and what goes on.
fn told(decoder: &mut dyn Decoder, bytes: &[u8], piece: usize) -> (Vec<String>, Vec<u8>) {
    let (mut told, mut released, mut held) = (Vec::new(), Vec::new(), Vec::new());
    for piece in bytes.chunks(piece.max(1)) {
        held.extend_from_slice(piece);
        loop {
            match decoder.question(&held) {
                Ok(Found::Need) => break,
                Ok(Found::Nothing(used)) => drop(held.drain(..used)),
                Ok(Found::Message(used)) => {
                    let message: Vec<u8> = held.drain(..used).collect();
                    let shown = decoder.asked(&message, &mut |asked| {
                        assert!(!asked.accesses.is_empty(), "a message that asks for nothing");
                        let parts: Vec<&[u8]> = asked.parts.iter().map(|part| part.raw).collect();
                        told.push(format!("{} {} {:?} {parts:?}", asked.action, asked.resource, asked.accesses));
                    });
                    if shown.is_err() {
                        return (told, released);
                    }
                    decoder.release(&message, &mut released);
                }
                Err(malformed) => {
                    told.push(format!("ended: {}", malformed.why.name));
                    return (told, released);
                }
            }
        }
    }
    (told, released)
}

pub(crate) fn answers() -> Vec<Vec<u8>> {
    let texts: &[&[u8]] = &[
        b"+OK\r\n-ERR no\r\n:1\r\n$3\r\nabc\r\n$-1\r\n*2\r\n*1\r\n:1\r\n$0\r\n\r\n",
        b">3\r\n+message\r\n$1\r\nc\r\n$1\r\nd\r\n%1\r\n+a\r\n*2\r\n_\r\n#t\r\n|1\r\n+t\r\n:3\r\n,1.5\r\n",
    ];
    texts.iter().map(|text| text.to_vec()).collect()
}

/// Answers pass unchanged, however they are cut, up to where they break their form.
pub(crate) fn answer(bytes: &[u8]) {
    for protocol in PROTOCOLS {
        let pass = |piece: usize| {
            let mut decoder = exchanges(protocol.name, MOST)?;
            let (mut passed, mut held) = (Vec::new(), Vec::new());
            for piece in bytes.chunks(piece.max(1)) {
                held.extend_from_slice(piece);
                match decoder.answer(&held, &mut passed) {
                    Ok(used) => drop(held.drain(..used)),
                    Err(_) => break,
                }
            }
            Some(passed)
        };
        let Some(whole) = pass(bytes.len()) else { continue };
        assert!(bytes.starts_with(&whole));
        assert_eq!(Some(whole), pass(1));
    }
}
