//! How many bytes this process holds back for judging, over all connections and workers. A full account refuses the
//! message that asks for more, by name; it never grows beyond its limit.

use crate::flow::{Kind, Reason};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// All connections together hold `limits.held_bytes`.
pub(super) const HELD_BYTES: Reason =
    Reason::new("limit-held-bytes", Kind::TooMany, "all connections together hold as many bytes as they may");

/// The process's account. `0 <= held <= limit`.
#[derive(Debug)]
pub(super) struct Account {
    held: AtomicUsize,
    limit: usize,
}

impl Account {
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { held: AtomicUsize::new(0), limit })
    }

    /// Bytes held now.
    pub(super) fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    fn reserve(&self, bytes: usize) -> Result<(), Reason> {
        let before = self.held.fetch_add(bytes, Ordering::Relaxed);
        if before + bytes <= self.limit {
            return Ok(());
        }
        self.held.fetch_sub(bytes, Ordering::Relaxed);
        Err(HELD_BYTES)
    }
}

/// One holder's share of the account; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Share {
    account: Rc<Holding>,
    bytes: usize,
}

/// One worker's reference to the account, whose holders count theirs by themselves: most shares never hold anything, and
/// then touch nothing that workers share.
#[derive(Debug)]
pub(super) struct Holding(Arc<Account>);

impl Holding {
    pub(super) fn new(account: &Arc<Account>) -> Rc<Self> {
        Rc::new(Self(Arc::clone(account)))
    }
}

impl Share {
    pub(super) fn none(account: &Rc<Holding>) -> Self {
        Self { account: Rc::clone(account), bytes: 0 }
    }

    /// Makes the share `bytes` large.
    ///
    /// # Errors
    /// [`HELD_BYTES`] when the account has not that much left; the share then stays as it was.
    pub(super) fn resize(&mut self, bytes: usize) -> Result<(), Reason> {
        if bytes > self.bytes {
            self.account.0.reserve(bytes - self.bytes)?;
        } else if bytes < self.bytes {
            self.account.0.held.fetch_sub(self.bytes - bytes, Ordering::Relaxed);
        }
        self.bytes = bytes;
        Ok(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.account.0.held.fetch_sub(self.bytes, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_ends_at_its_limit() {
        let account = Account::new(10);
        let holding = Holding::new(&account);
        let mut one = Share::none(&holding);
        let mut two = Share::none(&holding);
        assert_eq!(one.resize(10), Ok(()));
        assert_eq!(two.resize(1), Err(HELD_BYTES));
        assert_eq!(one.resize(9), Ok(()));
        assert_eq!(two.resize(1), Ok(()));
        drop(one);
        assert_eq!(account.held(), 1);
    }
}
