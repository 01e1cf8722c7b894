//! DNS over a stream: a length of two octets before each message (RFC 1035 §4.2.2, RFC 7766).

/// The first message of a buffer and the number of bytes that it takes; nothing until all of it is there.
pub fn message(buffer: &[u8]) -> Option<(&[u8], usize)> {
    let (length, rest) = buffer.split_first_chunk()?;
    let length = usize::from(u16::from_be_bytes(*length));
    rest.get(..length).map(|message| (message, length + 2))
}

/// Writes a message with its length before it. What `write` writes must fit into 65,535 bytes.
pub fn emit(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let mut message = Vec::with_capacity(512);
    write(&mut message);
    super::emit::length(out, message.len());
    out.extend_from_slice(&message);
}
