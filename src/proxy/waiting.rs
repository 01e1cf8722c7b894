//! Events of what was denied and goes on all the same (shadow and learn mode): they wait until it is known what became of it.

use super::worker::Shared;
use crate::record::Event;
use std::fmt;
use std::sync::Arc;

/// An event that waits for an answer; recorded at the latest when it is dropped.
pub(super) struct Waiting {
    /// Boxed: few wait, and what holds one is moved for every message.
    event: Option<Box<Event>>,
    shared: Arc<Shared>,
}

impl Waiting {
    pub(super) fn new(event: Option<Event>, shared: &Arc<Shared>) -> Self {
        Self { event: event.map(Box::new), shared: Arc::clone(shared) }
    }

    /// The event, for what is known by now.
    pub(super) fn event(&mut self) -> Option<&mut Event> {
        self.event.as_deref_mut()
    }
}

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Waiting").field(&self.event).finish()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(event) = self.event.take() {
            self.shared.recorder.judged(*event);
        }
    }
}
