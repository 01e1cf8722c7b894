//! Frames that make us work and carry nothing (PING, SETTINGS, PRIORITY, RST_STREAM, empty DATA, CONTINUATION, unknown ones,
//! window updates for nothing sent), and heads that open no stream: counted by the second, they end at a limit. Memory: a few
//! words.

use super::frames::Frame;
use crate::flow::{Kind, Reason};
use std::time::Duration;

/// More frames that carry nothing than allowed in a second.
pub const CONTROL_RATE: Reason =
    Reason::new("http2-control-rate", Kind::TooMany, "more frames that carry nothing than allowed in a second");
/// More streams reset, by the client or because of what it sent, than allowed in a second.
pub const RESET_RATE: Reason =
    Reason::new("http2-reset-rate", Kind::TooMany, "more streams begun and reset than allowed in a second");
/// A header block in more frames than it can need.
pub const CONTINUATIONS: Reason =
    Reason::new("http2-continuations", Kind::TooMany, "a header block in more frames than it can need");

/// A window update may come for each so many bytes that we sent, without counting.
const UPDATE_BYTES: u64 = 1024;
/// A head that opens no stream costs a reset for each so many of its bytes.
const DROPPED_BYTES: u64 = 64;
/// But no more than so many: it may be an honest one that is too large.
const DROPPED_MOST: u64 = 80;
/// Shorter heads cost little to decode.
const SHORT: u64 = 512;
/// Bytes of the names and values that a client may have us remember (RFC 9113 §6.5.2).
const TABLE: u64 = 4096;

/// How many of which frames are allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Frames that carry nothing, per second.
    pub control: u32,
    /// Streams that the client resets, or makes us reset, per second.
    pub resets: u32,
    /// CONTINUATION frames of one header block.
    pub continuations: u32,
    /// Bytes of a head, decoded.
    pub head_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { control: 500, resets: 200, continuations: 8, head_bytes: 32 * 1024 }
    }
}

/// What came from a client in the present second.
#[derive(Clone, Copy, Debug, Default)]
pub struct Flood {
    second: u64,
    control: u32,
    resets: u32,
    continuations: u32,
    /// Window updates that what we sent pays for.
    updates: u64,
    sent: u64,
    heads: Heads,
}

/// Heads that ask for a stream, against the streams that were opened for them.
#[derive(Clone, Copy, Debug, Default)]
struct Heads {
    /// The last stream that was asked for.
    last: u32,
    /// Bytes of a head that may still go on.
    coming: Option<u64>,
    /// Whole heads, the bytes of the longest, and the streams that were opened or refused, since they were last set against
    /// each other.
    whole: u32,
    longest: u64,
    opened: u32,
}

impl Heads {
    fn count(&mut self, frame: Frame) {
        if frame.kind == Frame::CONTINUATION {
            self.coming = self.coming.map(|bytes| bytes + frame.length as u64);
            return;
        }
        if let Some(bytes) = self.coming.take() {
            (self.whole, self.longest) = (self.whole + 1, self.longest.max(bytes));
        }
        if frame.kind == Frame::HEADERS && frame.stream > self.last {
            (self.last, self.coming) = (frame.stream, Some(frame.length as u64));
        }
    }

    /// The resets that heads cost which opened no stream. The last head is whole only with the frame behind it, so that more
    /// streams may be open than there are whole heads.
    fn dropped(&mut self, limits: &Limits) -> u32 {
        let (whole, longest, opened) = (self.whole, self.longest, self.opened);
        *self = Self { whole: 0, longest: 0, opened: opened.saturating_sub(whole), ..*self };
        // Huffman codes save less than half, and the table holds what is named again once: too large in fewer bytes, it
        // names the same again and again.
        let bomb = longest >= SHORT && 2 * longest + TABLE < limits.head_bytes;
        let each =
            if bomb { limits.resets.saturating_add(1) } else { (longest / DROPPED_BYTES).min(DROPPED_MOST) as u32 };
        whole.saturating_sub(opened).saturating_mul(each)
    }
}

impl Flood {
    /// So many bytes were sent to the client.
    pub fn sent(&mut self, bytes: usize) {
        self.sent += bytes as u64;
        self.updates += self.sent / UPDATE_BYTES;
        self.sent %= UPDATE_BYTES;
    }

    /// A stream was reset with this code because of what the client sent on it.
    ///
    /// # Errors
    /// The limit that this is over.
    pub fn made_us_reset(&mut self, code: u32, now: Duration, limits: &Limits) -> Result<(), Reason> {
        /// RFC 9113 §7: one stream more than may be open.
        const REFUSED_STREAM: u32 = 7;
        self.heads.opened += u32::from(code == REFUSED_STREAM);
        self.turn(now);
        self.reset(1, limits)
    }

    /// A stream was opened for a head.
    pub fn opened(&mut self) {
        self.heads.opened += 1;
    }

    /// Sets the heads that came against the streams that were opened for them, once those are all told. What is too large
    /// opens none and is not otherwise heard of, but was decoded (RFC 9113 §10.5.1).
    ///
    /// # Errors
    /// The limit that the others are over.
    pub fn settle(&mut self, now: Duration, limits: &Limits) -> Result<(), Reason> {
        self.turn(now);
        match self.heads.dropped(limits) {
            0 => Ok(()),
            dropped => self.reset(dropped, limits),
        }
    }

    /// Counts a frame that came at this time since a start.
    ///
    /// # Errors
    /// The limit that it is over.
    pub fn count(&mut self, frame: Frame, now: Duration, limits: &Limits) -> Result<(), Reason> {
        self.turn(now);
        self.heads.count(frame);
        let acknowledges = frame.flags & Frame::ACK != 0;
        match frame.kind {
            Frame::HEADERS => self.continuations = 0,
            Frame::DATA if frame.length > 0 || frame.flags & Frame::END_STREAM != 0 => {}
            Frame::WINDOW_UPDATE if self.updates > 0 => self.updates -= 1,
            Frame::SETTINGS | Frame::PING if acknowledges => {}
            Frame::RST_STREAM => return self.reset(1, limits),
            Frame::CONTINUATION => {
                self.continuations += 1;
                return if self.continuations > limits.continuations { Err(CONTINUATIONS) } else { Ok(()) };
            }
            _ => {
                self.control += 1;
                return if self.control > limits.control { Err(CONTROL_RATE) } else { Ok(()) };
            }
        }
        Ok(())
    }

    /// Each second is counted by itself.
    fn turn(&mut self, now: Duration) {
        if now.as_secs() != self.second {
            *self = Self {
                second: now.as_secs(),
                updates: self.updates,
                sent: self.sent,
                continuations: self.continuations,
                heads: self.heads,
                ..Self::default()
            };
        }
    }

    fn reset(&mut self, cost: u32, limits: &Limits) -> Result<(), Reason> {
        self.resets = self.resets.saturating_add(cost);
        if self.resets > limits.resets { Err(RESET_RATE) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_end_at_their_limits() {
        let limits = Limits { control: 3, resets: 2, continuations: 1, ..Limits::default() };
        let of = |kind, flags, length| Frame { kind, flags, stream: 1, length, first: 0 };
        let over = |frame: Frame, allowed: usize| {
            let mut flood = Flood::default();
            let mut count = |frame| flood.count(frame, Duration::from_millis(10), &limits);
            (0..allowed).for_each(|_| assert_eq!(count(frame), Ok(()), "{frame:?}"));
            count(frame)
        };
        assert_eq!(over(of(Frame::PING, 0, 8), 3), Err(CONTROL_RATE));
        assert_eq!(over(of(Frame::SETTINGS, 0, 0), 3), Err(CONTROL_RATE));
        assert_eq!(over(of(Frame::DATA, 0, 0), 3), Err(CONTROL_RATE));
        assert_eq!(over(of(Frame::WINDOW_UPDATE, 0, 4), 3), Err(CONTROL_RATE));
        assert_eq!(over(of(0x55, 0, 4), 3), Err(CONTROL_RATE));
        assert_eq!(over(of(Frame::RST_STREAM, 0, 4), 2), Err(RESET_RATE));
        assert_eq!(over(of(Frame::CONTINUATION, 0, 4), 1), Err(CONTINUATIONS));
        assert_eq!(over(of(Frame::PING, 1, 8), 100), Ok(()));
        assert_eq!(over(of(Frame::DATA, 0, 1), 100), Ok(()));
        assert_eq!(over(of(Frame::HEADERS, Frame::END_HEADERS, 1), 100), Ok(()));
    }

    #[test]
    fn resets_of_both_sides_are_counted_together() {
        let limits = Limits { resets: 2, ..Limits::default() };
        let mut flood = Flood::default();
        let reset = Frame { kind: Frame::RST_STREAM, flags: 0, stream: 1, length: 4, first: 0 };
        assert_eq!(flood.count(reset, Duration::ZERO, &limits), Ok(()));
        assert_eq!(flood.made_us_reset(1, Duration::ZERO, &limits), Ok(()));
        assert_eq!(flood.made_us_reset(1, Duration::ZERO, &limits), Err(RESET_RATE));
        assert_eq!(flood.made_us_reset(1, Duration::from_secs(1), &limits), Ok(()));
    }

    /// What comes of so many heads of so many bytes, of which so many opened a stream.
    fn heads(count: u32, length: usize, opened: u32) -> Result<(), Reason> {
        let (limits, mut flood) = (Limits::default(), Flood::default());
        for at in 0..count {
            let head = Frame { kind: Frame::HEADERS, flags: 5, stream: 2 * at + 1, length, first: 0 };
            flood.count(head, Duration::ZERO, &limits).unwrap();
        }
        (0..opened).for_each(|_| flood.opened());
        flood.settle(Duration::ZERO, &limits)
    }

    #[test]
    fn large_heads_that_open_no_stream_are_few() {
        // Too large in so few bytes.
        assert_eq!(heads(1, 10_000, 0), Ok(()));
        assert_eq!(heads(2, 10_000, 0), Err(RESET_RATE));
        // Too large.
        assert_eq!(heads(3, 70_000, 0), Ok(()));
        assert_eq!(heads(4, 70_000, 0), Err(RESET_RATE));
        assert_eq!(heads(4, 70_000, 1), Ok(()));
        // Malformed.
        assert_eq!(heads(150, 120, 0), Ok(()));
        assert_eq!(heads(500, 60, 0), Ok(()));
        // As it should be.
        assert_eq!(heads(500, 10_000, 500), Ok(()));
    }

    #[test]
    fn refused_stream_is_no_dropped_head() {
        let (limits, mut flood) = (Limits::default(), Flood::default());
        for stream in (1..101).step_by(2) {
            let head = Frame { kind: Frame::HEADERS, flags: 5, stream, length: 2000, first: 0 };
            flood.count(head, Duration::ZERO, &limits).unwrap();
            flood.made_us_reset(7, Duration::ZERO, &limits).unwrap();
        }
        assert_eq!(flood.settle(Duration::ZERO, &limits), Ok(()));
    }

    #[test]
    fn heads_of_a_turn_are_settled_with_it() {
        let (limits, mut flood) = (Limits::default(), Flood::default());
        let frame = |kind, stream| Frame { kind, flags: 0, stream, length: 20_000, first: 0 };
        for stream in (1..2001).step_by(2) {
            flood.count(frame(Frame::HEADERS, stream), Duration::ZERO, &limits).unwrap();
            assert_eq!(flood.settle(Duration::ZERO, &limits), Ok(()));
            flood.count(frame(Frame::CONTINUATION, stream), Duration::ZERO, &limits).unwrap();
            flood.opened();
            assert_eq!(flood.settle(Duration::ZERO, &limits), Ok(()));
            // Trailers ask for no stream.
            flood.count(frame(Frame::HEADERS, stream), Duration::ZERO, &limits).unwrap();
        }
    }

    #[test]
    fn next_second_counts_anew() {
        let limits = Limits { control: 1, ..Limits::default() };
        let ping = Frame { kind: Frame::PING, flags: 0, stream: 1, length: 8, first: 0 };
        let mut flood = Flood::default();
        assert_eq!(flood.count(ping, Duration::from_secs(5), &limits), Ok(()));
        assert_eq!(flood.count(ping, Duration::from_secs(5), &limits), Err(CONTROL_RATE));
        assert_eq!(flood.count(ping, Duration::from_secs(6), &limits), Ok(()));
    }

    #[test]
    fn what_is_sent_pays_for_window_updates() {
        let limits = Limits { control: 0, ..Limits::default() };
        let update = Frame { kind: Frame::WINDOW_UPDATE, flags: 0, stream: 1, length: 4, first: 0 };
        let mut flood = Flood::default();
        flood.sent(2047);
        assert_eq!(flood.count(update, Duration::ZERO, &limits), Ok(()));
        assert_eq!(flood.count(update, Duration::ZERO, &limits), Err(CONTROL_RATE));
    }
}
