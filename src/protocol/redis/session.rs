//! One connection: commands in, answers out, denials in their turn.

use super::UNSUPPORTED;
use super::accesses;
use super::commands::{Class, command, name};
use super::reply::{Frames, Step};
use super::request::Reader;
use crate::flow::Kind;
use crate::protocol::Malformed;
use crate::protocol::exchange::{Asked, Decoder, Found};
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

/// A connection's state: nothing but where both streams have come to, and the name that stands for denials.
pub struct Session {
    reader: Reader,
    frames: Frames,
    /// What replaces a denied command: no client can guess it.
    stand_in: String,
}

impl Session {
    /// Takes commands of at most so many bytes.
    pub fn new(command_bytes: usize) -> Self {
        let draw = || RandomState::new().hash_one(0_u8);
        let stand_in = format!("DENIED-{:016X}{:016X}", draw(), draw());
        Self { reader: Reader::new(command_bytes), frames: Frames::default(), stand_in }
    }

    /// The event of a denial, if an error is the server's refusal of what stood for it.
    fn event<'a>(&self, error: &'a [u8]) -> Option<&'a str> {
        let text = std::str::from_utf8(error).ok()?;
        let (_, behind) = text.split_once(&self.stand_in)?;
        let event = behind.strip_prefix('-')?;
        let end = event.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(event.len());
        event.get(..end)
    }
}

impl Decoder for Session {
    fn question(&mut self, bytes: &[u8]) -> Result<Found, Malformed> {
        self.reader.next(bytes)
    }

    fn asked(&self, message: &[u8], look: &mut dyn FnMut(&Asked<'_>)) -> Result<(), Malformed> {
        let words = self.reader.words(message);
        if command(&name(&words)).class == Class::Unsupported {
            return Err(Malformed::new(0, UNSUPPORTED));
        }
        accesses::asked(&words, look);
        Ok(())
    }

    fn release(&mut self, message: &[u8], to_server: &mut Vec<u8>) {
        to_server.extend_from_slice(self.reader.spelled(message));
    }

    fn deny(&mut self, event: &str, to_server: &mut Vec<u8>) {
        let name = format!("{}-{event}", self.stand_in);
        to_server.extend_from_slice(format!("*1\r\n${}\r\n{name}\r\n", name.len()).as_bytes());
    }

    fn answer(&mut self, bytes: &[u8], to_client: &mut Vec<u8>) -> Result<usize, Malformed> {
        let mut used = 0;
        loop {
            let rest = bytes.get(used..).unwrap_or_default();
            let (count, error) = match self.frames.step(rest)? {
                Step::Need => return Ok(used),
                Step::Pass(count) => (count, false),
                Step::Error(count) => (count, true),
            };
            let frame = rest.get(..count).unwrap_or_default();
            match self.event(frame).filter(|_| error) {
                Some(event) => to_client.extend_from_slice(denial(event).as_bytes()),
                None => to_client.extend_from_slice(frame),
            }
            used += count;
        }
    }

    fn farewell(&self, kind: Kind, event: &str, to_client: &mut Vec<u8>) {
        if self.frames.is_between() {
            let says = match kind {
                Kind::Upstream => "the server cannot be reached",
                Kind::Malformed | Kind::Unsupported | Kind::TooLarge => "not understood by the firewall",
                _ => "the connection is ended by the firewall",
            };
            to_client.extend_from_slice(format!("-ERR {says}, event {event}\r\n").as_bytes());
        }
    }
}

/// As servers refuse what an access control list does not grant.
fn denial(event: &str) -> String {
    format!("-NOPERM denied by the firewall's policy, event {event}\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn denial_is_answered_in_its_turn() {
        let mut session = Session::new(1 << 20);
        let mut to_server = Vec::new();
        session.deny("06fabc", &mut to_server);
        let name = session.stand_in.clone();
        assert_eq!(to_server, format!("*1\r\n${}\r\n{name}-06fabc\r\n", name.len() + 7).as_bytes());
        let answers =
            format!("+OK\r\n-ERR unknown command '{name}-06fabc', with args beginning with: \r\n$2\r\nab\r\n");
        let mut to_client = Vec::new();
        assert_eq!(session.answer(answers.as_bytes(), &mut to_client), Ok(answers.len()));
        assert_eq!(
            String::from_utf8(to_client).unwrap(),
            "+OK\r\n-NOPERM denied by the firewall's policy, event 06fabc\r\n$2\r\nab\r\n"
        );
    }

    #[test]
    fn nothing_inside_an_answer_is_taken_for_a_denial() {
        let mut session = Session::new(1 << 20);
        let text = format!("-ERR unknown command '{}-06f'\r\n", session.stand_in);
        let answers = format!("${}\r\n{text}\r\n*1\r\n{text}", text.len());
        let mut to_client = Vec::new();
        session.answer(answers.as_bytes(), &mut to_client).unwrap();
        assert_eq!(to_client, answers.as_bytes());
    }

    #[test]
    fn sessions_draw_names_of_their_own() {
        assert_ne!(Session::new(1).stand_in, Session::new(1).stand_in);
    }

    #[test]
    fn connection_that_would_speak_something_else_ends() {
        let mut session = Session::new(1 << 20);
        let message = b"monitor\r\n";
        assert_eq!(session.question(message), Ok(Found::Message(9)));
        let refused = session.asked(message, &mut |_| panic!("asked"));
        assert_eq!(refused.map_err(|malformed| malformed.why), Err(UNSUPPORTED));
    }
}
