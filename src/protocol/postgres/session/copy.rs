//! Copies from the client. What it sends for one stands behind what may yet begin it, and is answered only as part of it.

use super::sent::{Sent, SentKind};
use super::{STATE, Session};
use crate::flow::Reason;

impl<P, T> Session<P, T> {
    /// Data of a copy, which goes on wherever it stands.
    pub(super) fn copy_data(&mut self) {
        let is_first = self.unanswered.back().is_some_and(|sent| sent.kind != SentKind::CopyData);
        if self.copying {
            self.has_data = true;
        } else if is_first && self.unanswered.len() < self.most_unanswered {
            self.unanswered.push_back(Sent::new(SentKind::CopyData));
        }
    }

    /// The end of a copy, good or bad.
    pub(super) fn copy_end(&mut self) {
        if self.copying {
            self.copying = false;
        } else if !self.unanswered.is_empty() && self.unanswered.len() < self.most_unanswered {
            self.unanswered.push_back(Sent::new(SentKind::CopyEnd));
        }
    }

    /// The server ignores every sync up to the end of the copy, which may have been sent already. One that stands among its
    /// data may come when the copy has failed: then it is answered, and nobody here can tell.
    ///
    /// # Errors
    /// [`STATE`].
    pub(super) fn copy_in(&mut self) -> Result<(), Reason> {
        self.awaited();
        let end = self.unanswered.iter().position(|sent| sent.kind == SentKind::CopyEnd);
        let during = end.map_or(self.unanswered.len(), |end| end + 1);
        let mut has_data = false;
        for sent in self.unanswered.iter().take(during) {
            has_data |= sent.kind == SentKind::CopyData;
            if has_data && sent.kind == SentKind::Sync {
                return Err(STATE);
            }
        }
        let mut at = 0;
        self.unanswered.retain(|sent| {
            at += 1;
            at > during || !(sent.is_of_a_copy() || sent.kind == SentKind::Sync)
        });
        (self.copying, self.has_data) = (end.is_none(), has_data);
        Ok(())
    }
}
