//! Files that the server asks the client for: those that a granted text of the client's names, one after the other, and no
//! other. What they hold goes on as it comes.

use super::{Asked, Awaited, Due, Wire};
use crate::flow::Reason;
use crate::protocol::mysql::packet::{HEADER, Packet};
use crate::protocol::mysql::{INFILE, STATE};
use crate::proxy::database::{End, Rest};

/// Bytes of a file's name, as long as a path may be.
const FILE_NAME_BYTES: usize = 4096;

/// The name of the file that a server asks for, once it has come whole.
pub(super) fn name<'a>(packet: &Packet, bytes: &'a [u8]) -> Result<Option<&'a [u8]>, Reason> {
    if packet.len > FILE_NAME_BYTES {
        return Err(INFILE);
    }
    Ok(bytes.get(HEADER + 1..packet.whole()))
}

impl Awaited {
    /// The server asks for a file: the next one that the client's text names, or the session ends.
    pub(super) fn is_asked_for(&mut self, name: &[u8]) -> Result<(), Reason> {
        let Asked::Text(understood) = &self.asked else { return Err(INFILE) };
        let named = understood.files().nth(self.files).ok_or(INFILE)?;
        if named.as_bytes() != name {
            return Err(INFILE);
        }
        self.files += 1;
        self.due = Due::File;
        Ok(())
    }
}

impl Wire<'_> {
    /// A piece of the file that the client was asked for, which goes on as it comes; an empty one is its end.
    pub(super) fn piece(&mut self, bytes: &[u8]) -> Result<Option<Rest>, End> {
        let Some(packet) = Packet::of(bytes) else { return Ok(None) };
        self.goes_on = packet.goes_on();
        if let Some(awaited) = &mut self.awaited {
            if packet.number != awaited.next {
                return Err(End::Refused(STATE));
            }
            awaited.next = packet.number.wrapping_add(1);
            awaited.due = if packet.len == 0 { Due::Nothing } else { Due::File };
        }
        Ok(Some(Rest { bytes: packet.whole(), dropped: false }))
    }
}
