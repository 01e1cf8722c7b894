//! Lines on their way to the record thread: bounded in number and bytes. A push never waits; what finds no room is
//! handed back to be counted. What comes first of its kind has room of its own, so a flood of one kind cannot crowd it
//! out.

use super::Line;
use std::collections::VecDeque;

/// Bounds of one lane of the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Lines at most.
    pub lines: usize,
    /// Bytes of memory at most; a single line may be larger than this in an empty lane.
    pub bytes: usize,
}

/// Two lanes, drained together in the order of arrival.
#[derive(Debug)]
pub(super) struct Queue {
    ordinary: Lane,
    /// For what must not be lost: the first event of each caller and reason, starts, reloads, panics.
    reserved: Lane,
    arrived: u64,
}

#[derive(Debug)]
struct Lane {
    lines: VecDeque<(u64, Line)>,
    bytes: usize,
    room: Room,
}

/// There is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

impl Queue {
    pub(super) fn new(ordinary: Room, reserved: Room) -> Self {
        Self { ordinary: Lane::new(ordinary), reserved: Lane::new(reserved), arrived: 0 }
    }

    /// Keeps a line; `keep` opens the reserved lane to it when the ordinary one is full.
    pub(super) fn push(&mut self, line: Line, keep: bool) -> Result<(), Full> {
        let bytes = line.bytes();
        let lane = match (self.ordinary.fits(bytes), keep && self.reserved.fits(bytes)) {
            (true, _) => &mut self.ordinary,
            (false, true) => &mut self.reserved,
            (false, false) => return Err(Full),
        };
        lane.lines.push_back((self.arrived, line));
        lane.bytes += bytes;
        self.arrived += 1;
        Ok(())
    }

    /// Everything in it, in the order of arrival. It is empty afterwards.
    pub(super) fn take(&mut self) -> Vec<Line> {
        let mut lines: Vec<_> = self.ordinary.take().chain(self.reserved.take()).collect();
        lines.sort_by_key(|(arrived, _)| *arrived);
        lines.into_iter().map(|(_, line)| line).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ordinary.lines.is_empty() && self.reserved.lines.is_empty()
    }
}

impl Lane {
    fn new(room: Room) -> Self {
        Self { lines: VecDeque::new(), bytes: 0, room }
    }

    fn fits(&self, bytes: usize) -> bool {
        self.lines.is_empty() || (self.lines.len() < self.room.lines && self.bytes + bytes <= self.room.bytes)
    }

    fn take(&mut self) -> impl Iterator<Item = (u64, Line)> + use<> {
        self.bytes = 0;
        std::mem::take(&mut self.lines).into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::event::tests::denied;

    fn line(target: &str) -> Line {
        Line::Judged(Box::new(denied(target)))
    }

    fn targets(queue: &mut Queue) -> Vec<String> {
        let target = |line| match line {
            Line::Judged(event) => String::from_utf8(event.original.bytes.to_vec()).unwrap(),
            other => format!("{other:?}"),
        };
        queue.take().into_iter().map(target).collect()
    }

    fn two_and_one() -> Queue {
        let room = |lines| Room { lines, bytes: 1 << 20 };
        Queue::new(room(2), room(1))
    }

    #[test]
    fn number_of_lines_is_bounded() {
        let mut queue = two_and_one();
        assert_eq!(["a", "b", "c"].map(|t| queue.push(line(t), false)), [Ok(()), Ok(()), Err(Full)]);
        assert_eq!(targets(&mut queue), ["a", "b"]);
        assert!(queue.is_empty());
    }

    #[test]
    fn bytes_are_bounded() {
        let bytes = line("a").bytes();
        let room = Room { lines: 100, bytes: bytes * 2 };
        let mut queue = Queue::new(room, room);
        assert_eq!(["a", "b", "c"].map(|t| queue.push(line(t), false)), [Ok(()), Ok(()), Err(Full)]);
    }

    #[test]
    fn reserve_takes_what_must_be_kept() {
        let mut queue = two_and_one();
        for target in ["a", "b", "c"] {
            let _ = queue.push(line(target), false);
        }
        assert_eq!(queue.push(line("first"), true), Ok(()));
        assert_eq!(queue.push(line("another"), true), Err(Full));
        assert_eq!(targets(&mut queue), ["a", "b", "first"]);
    }
}
