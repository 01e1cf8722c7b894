//! What a protocol of questions and answers must give to be carried: a state machine that finds the client's messages,
//! says what each asks for, and puts a denial in the place of what does not go on. The carrier (`proxy::exchange`) does
//! the rest: sockets, trust, judging, recording. A further protocol of this kind is one folder and one line.

use super::Malformed;
use crate::flow::{Access, Kind, Part};

/// What stands at the beginning of what a client has sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// The beginning of a message, or nothing.
    Need,
    /// So many bytes that say nothing and do not go on.
    Nothing(usize),
    /// A message of so many bytes.
    Message(usize),
}

/// What a message asks for.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The protocol's word for what is done.
    pub action: &'a str,
    /// What it is done to, as records show it: nothing in it is a secret.
    pub resource: &'a str,
    /// The policy's half.
    pub accesses: &'a [Access<'a>],
    /// The detectors' half.
    pub parts: &'a [Part<'a>],
}

/// One connection of such a protocol. A denied message is answered in its turn: what goes on in its place makes the server
/// fail where the message stood, and the server's failure is worded anew. So both ends agree on the session's state.
pub trait Decoder {
    /// Looks at the beginning of what the client has sent. Called again with more bytes, it goes on where it was.
    ///
    /// # Errors
    /// The rule that is broken; the session ends.
    fn question(&mut self, bytes: &[u8]) -> Result<Found, Malformed>;

    /// Shows what the message that was found last, `message`, asks for.
    ///
    /// # Errors
    /// It is a part of the protocol that is not carried; the session ends.
    fn asked(&self, message: &[u8], look: &mut dyn FnMut(&Asked<'_>)) -> Result<(), Malformed>;

    /// The message that was found last goes on: appends it in the spelling that was judged.
    fn release(&mut self, message: &[u8], to_server: &mut Vec<u8>);

    /// The message that was found last does not go on: appends what goes on in its place.
    fn deny(&mut self, event: &str, to_server: &mut Vec<u8>);

    /// Takes what the server has sent as far as it can be told, appends what the client gets; gives the bytes taken.
    ///
    /// # Errors
    /// The rule that the server breaks; the session ends.
    fn answer(&mut self, bytes: &[u8], to_client: &mut Vec<u8>) -> Result<usize, Malformed>;

    /// The session ends: appends the last words, if they can be said where the server's answers have come to.
    fn farewell(&self, kind: Kind, event: &str, to_client: &mut Vec<u8>);
}
