//! The answer's side of an exchange: what it carries is looked at piece by piece, each released only after it has been.
//! A finding may straddle two pieces, so the end of a piece waits for the next one: from its last line break on, and
//! never more than [`leak::LONGEST`] bytes and a finding. Events of a stream end with line breaks; they do not wait.
//! The head is looked at as a whole. The answer to a suspicious message is looked at wherever it stands, for its outcome.

use super::Case;
use crate::detect::leak::{self, Leaked};
use crate::flow::{
    Cut, Denial, Evidence, Extent, Hit, Judgement, Kind, Leak, Mode, Outcome, Part, Place, Reaction, Reason, Verdict,
    Watch, Weight,
};

/// The answer carries what its port does not give away.
pub const LEAK: Reason =
    Reason::new("response-leak", Kind::Policy, "the answer carries what this port does not give away");

/// Findings kept of one answer.
const MOST: usize = 16;
/// Frames that make a call stack.
const FRAMES: u32 = 2;

/// What an answer passes through.
#[derive(Clone, Debug)]
pub struct Screen {
    watch: Watch,
    /// Whether leaks are kept back, or only told of.
    acts: bool,
    held: Vec<u8>,
    /// Bytes released so far.
    released: u64,
    frames: u32,
    found: Vec<Met>,
    /// What is looked for besides, to tell the outcome of what was asked.
    telling: Watch,
    /// Whether any of it was there.
    told: bool,
}

/// What was found, the reaction to it, and where: in the head or the body, so many bytes from its start.
#[derive(Clone, Copy, Debug)]
struct Met {
    leak: Leak,
    reaction: Reaction,
    head: bool,
    at: u64,
}

/// The answer does not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blocked;

impl Screen {
    fn new(watch: Watch, acts: bool) -> Self {
        let (held, found, telling) = (Vec::new(), Vec::new(), Watch::default());
        Self { watch, acts, held, released: 0, frames: 0, found, telling, told: false }
    }

    /// Looks at the head of an answer, and masks in it what is to be masked: the length stays.
    ///
    /// # Errors
    /// The answer does not go on.
    pub fn head(&mut self, head: &mut [u8]) -> Result<(), Blocked> {
        let mut found = Vec::new();
        leak::find(head, &self.watch.max(self.telling), &mut found);
        for leaked in &found {
            if self.meet(leaked, true)? == Some(Reaction::Mask) {
                let value = head.get_mut(leaked.range.clone()).unwrap_or_default();
                value.iter_mut().filter(|byte| !matches!(**byte, b'\r' | b'\n' | b':')).for_each(|byte| *byte = b'*');
            }
        }
        Ok(())
    }

    /// What the answer, with this status, says of the message that it answers.
    pub fn outcome(&self, status: u16) -> Outcome {
        Outcome::of(status, self.told)
    }

    /// Whether a finding can keep the answer back.
    pub fn blocks(&self) -> bool {
        self.acts && self.watch.blocks()
    }

    /// Takes the next bytes and gives those that may go on.
    ///
    /// # Errors
    /// Nothing more goes on.
    pub fn pass(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<(), Blocked> {
        self.held.extend_from_slice(piece);
        let line = memchr::memrchr(b'\n', &self.held).map_or(0, |at| at + 1);
        let waiting = self.held.len() - line;
        // Past twice the reach, half of it goes on at once: each byte is looked at about twice, however small pieces are.
        let reach = if waiting > 2 * leak::LONGEST { self.held.len() - leak::LONGEST } else { line };
        if reach == 0 { Ok(()) } else { self.release(reach, out) }
    }

    /// The answer has ended: what was waiting goes on.
    ///
    /// # Errors
    /// What was waiting does not go on.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), Blocked> {
        self.release(self.held.len(), out)
    }

    /// Looks at what is held, and releases about `reach` bytes of it: less when a finding begins before and ends behind.
    fn release(&mut self, reach: usize, out: &mut Vec<u8>) -> Result<(), Blocked> {
        let mut found = Vec::new();
        leak::find(&self.held, &self.watch.max(self.telling), &mut found);
        let straddling = found.iter().filter(|leaked| leaked.range.start < reach && leaked.range.end > reach);
        let reach = straddling.map(|leaked| leaked.range.start).min().unwrap_or(reach);
        for leaked in found.iter().filter(|leaked| leaked.range.end <= reach) {
            if self.meet(leaked, false)? == Some(Reaction::Mask) {
                self.held.get_mut(leaked.range.clone()).unwrap_or_default().fill(b'*');
            }
        }
        out.extend_from_slice(self.held.get(..reach).unwrap_or_default());
        self.held.drain(..reach);
        self.released += reach as u64;
        Ok(())
    }

    /// Notes a finding; what is to be done about it, where anything is.
    fn meet(&mut self, leaked: &Leaked, head: bool) -> Result<Option<Reaction>, Blocked> {
        if leaked.partial {
            self.frames += 1;
            if self.frames < FRAMES {
                return Ok(None);
            }
        }
        self.told |= self.telling.reaction(leaked.leak).is_some();
        let Some(reaction) = self.watch.reaction(leaked.leak) else { return Ok(None) };
        let known = self.found.iter().any(|met| met.leak == leaked.leak);
        if !known && self.found.len() < MOST {
            let before = if head { 0 } else { self.released };
            self.found.push(Met { leak: leaked.leak, reaction, head, at: before + leaked.range.start as u64 });
        }
        match reaction {
            Reaction::Block if self.acts => Err(Blocked),
            _ => Ok(self.acts.then_some(reaction)),
        }
    }
}

impl Case<'_> {
    /// What the answer must pass through; nothing where its port watches for nothing and the message was as any other.
    pub fn screen(&self) -> Option<Screen> {
        let watch = self.port.responses;
        let telling = if self.is_suspicious() { Watch::for_outcomes() } else { Watch::default() };
        let off = watch.is_off() && telling.is_off();
        (!off).then(|| Screen { telling, ..Screen::new(watch, self.mode == Mode::Enforce) })
    }

    /// Whether the message carried signs of an attack, or was denied by a mode that does not act on it.
    pub fn is_suspicious(&self) -> bool {
        self.denied || self.found().total() > 0
    }

    /// The judgement of an answer that has passed, or was blocked; nothing when there is nothing to tell. What was found
    /// is named with its place, and not shown: the record shall not leak it in turn.
    pub fn screened(&mut self, screen: &Screen) -> Option<Judgement> {
        let strictest = screen.found.iter().map(|met| met.reaction).max()?;
        let verdict = match strictest {
            Reaction::Block => Verdict::Deny(Denial { reason: LEAK, cut: Cut::CloseSession }),
            Reaction::Mask => Verdict::Mask(Vec::new()),
            Reaction::Record => Verdict::Allow,
        };
        self.denied |= strictest == Reaction::Block;
        Some(Judgement {
            verdict,
            mode: self.mode,
            rules: self.terms.iter().map(|terms| terms.rule.clone()).collect(),
            nearest: None,
            evidence: screen.found.iter().map(evidence).collect(),
            effects: Vec::new(),
        })
    }
}

fn evidence(met: &Met) -> Evidence {
    let at = usize::try_from(met.at).unwrap_or(usize::MAX);
    let hit = Hit { detector: "leak", signature: met.leak.name().into(), range: at..at, weight: Weight::CERTAIN };
    let name: &[u8] = if met.head { b"head" } else { b"" };
    let part = Part { extent: Extent::Next, ..Part::plain(Place::Response, name, b"") };
    Evidence::of(&part, hit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn screen(reactions: &[(Leak, Reaction)]) -> Screen {
        let mut watch = Watch::default();
        reactions.iter().for_each(|(leak, reaction)| watch.set(*leak, Some(*reaction)));
        Screen::new(watch, true)
    }

    /// What goes on of a text in pieces of so many bytes, and whether all of it did.
    fn passed(mut screen: Screen, text: &str, size: usize) -> (String, bool) {
        let mut out = Vec::new();
        let pieces = text.as_bytes().chunks(size).try_for_each(|piece| screen.pass(piece, &mut out));
        let whole = pieces.and_then(|()| screen.finish(&mut out)).is_ok();
        (String::from_utf8(out).unwrap(), whole)
    }

    #[test]
    fn cards_are_masked_however_the_answer_is_split() {
        let long = format!("{}4111111111111111{}", "x ".repeat(1000), " y".repeat(1000));
        for text in ["{\"card\":\"4111 1111 1111 1111\"}\n", "4111111111111111", &long] {
            let wanted = text.replace("4111 1111 1111 1111", "*******************");
            let wanted = wanted.replace("4111111111111111", "****************");
            for size in [1, 2, 3, 7, 100, 300, 5000] {
                let screen = screen(&[(Leak::CardNumbers, Reaction::Mask)]);
                assert_eq!(passed(screen, text, size), (wanted.clone(), true), "{size}");
            }
        }
    }

    #[test]
    fn blocked_answer_does_not_show_what_was_found() {
        let text = format!("{}\n-----BEGIN PRIVATE KEY-----\nMIIE", "line\n".repeat(200));
        for size in [1, 10, 1000, 5000] {
            let (out, whole) = passed(screen(&[(Leak::PrivateKeys, Reaction::Block)]), &text, size);
            assert!(!whole && !out.contains("BEGIN"), "{size}");
        }
    }

    #[test]
    fn one_frame_is_no_call_stack() {
        let block = [(Leak::StackTraces, Reaction::Block)];
        let frame = "\tat shop.Orders.find(Orders.java:42)\n";
        assert!(passed(screen(&block), frame, 10).1);
        assert!(!passed(screen(&block), &frame.repeat(2), 10).1);
    }

    #[test]
    fn lines_do_not_wait() {
        let mut screen = screen(&[(Leak::CardNumbers, Reaction::Mask)]);
        let mut out = Vec::new();
        screen.pass(b"data: one\n\ndata: tw", &mut out).unwrap();
        assert_eq!(out, b"data: one\n\n");
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut screen = screen(&[(Leak::CardNumbers, Reaction::Mask)]);
        let mut out = Vec::new();
        for _ in 0..100_000 {
            screen.pass(b"4 ", &mut out).unwrap();
            assert!(screen.held.len() <= 3 * leak::LONGEST);
        }
    }

    #[test]
    fn head_is_masked_in_place() {
        let mut head = b"HTTP/1.1 302 Found\r\nlocation: /pay?card=4111111111111111\r\n\r\n".to_vec();
        let mut screen = screen(&[(Leak::CardNumbers, Reaction::Mask)]);
        screen.head(&mut head).unwrap();
        assert_eq!(head, b"HTTP/1.1 302 Found\r\nlocation: /pay?card=****************\r\n\r\n");
    }

    #[test]
    fn head_is_blocked() {
        let mut head = b"HTTP/1.1 200 OK\r\nx-error: You have an error in your SQL syntax; check\r\n\r\n".to_vec();
        assert!(screen(&[(Leak::SqlErrors, Reaction::Block)]).head(&mut head).is_err());
        assert!(screen(&[(Leak::PrivateKeys, Reaction::Block)]).head(&mut head).is_ok());
    }

    #[test]
    fn outcome_is_told_without_a_reaction() {
        let mut screen = Screen { telling: Watch::for_outcomes(), ..Screen::new(Watch::default(), true) };
        assert_eq!(screen.outcome(200), Outcome::Attempted);
        let mut out = Vec::new();
        screen.pass(b"root:x:0:0:root:/root:/bin/bash\n", &mut out).unwrap();
        screen.finish(&mut out).unwrap();
        assert_eq!(screen.outcome(200), Outcome::LikelySucceeded);
        assert!(screen.found.is_empty() && out.starts_with(b"root:"));
    }
}
