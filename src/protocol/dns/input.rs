//! A cursor over a message: nom's parsers for what has a fixed shape, with the whole message at hand for names, whose
//! pointers lead back into it.

use super::name::{self, Name};
use crate::flow::{Kind, Reason};
use crate::protocol::Malformed;
use nom::bytes::complete::take;
use nom::number::complete::{be_u16, be_u32};
use nom::{IResult, Parser};

/// The message ends inside of something.
pub(super) const SHORT: Reason =
    Reason::new("dns-short", Kind::Malformed, "the message ends inside of a header, name or record");

/// What has not been read yet of a message. `rest` is always an end of `whole`.
#[derive(Clone, Copy)]
pub(super) struct Input<'a> {
    whole: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    pub(super) fn new(whole: &'a [u8]) -> Self {
        Self { whole, rest: whole }
    }

    /// How many bytes have been read.
    pub(super) fn at(&self) -> usize {
        self.whole.len() - self.rest.len()
    }

    pub(super) fn len(&self) -> usize {
        self.rest.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn u16(&mut self) -> Result<u16, Malformed> {
        self.parse(be_u16)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Malformed> {
        self.parse(be_u32)
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        self.parse(take(count))
    }

    pub(super) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    /// One character string (RFC 1035 §3.3), its length octet included.
    pub(super) fn string(&mut self) -> Result<&'a [u8], Malformed> {
        let length = usize::from(self.rest.first().copied().unwrap_or_default());
        self.take(length + 1)
    }

    /// A name, compressed or not.
    pub(super) fn name(&mut self) -> Result<Name, Malformed> {
        let (name, used) = name::read(self.whole, self.at())?;
        self.take(used)?;
        Ok(name)
    }

    /// The next `count` bytes as an input of their own, whose names may point before it.
    pub(super) fn part(&mut self, count: usize) -> Result<Input<'a>, Malformed> {
        let start = self.at();
        let rest = self.take(count)?;
        let whole = self.whole.get(..start + count).unwrap_or_default();
        Ok(Input { whole, rest })
    }

    pub(super) fn fault(&self, why: Reason) -> Malformed {
        Malformed::new(self.at(), why)
    }

    fn parse<T, P>(&mut self, mut parser: P) -> Result<T, Malformed>
    where
        P: Parser<&'a [u8], Output = T, Error = ()>,
    {
        let read: IResult<&'a [u8], T, ()> = parser.parse(self.rest);
        let (rest, value) = read.map_err(|_| self.fault(SHORT))?;
        self.rest = rest;
        Ok(value)
    }
}
