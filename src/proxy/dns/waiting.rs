//! Questions that wait for an upstream: as many as may. When there is no room, the one that has waited longest gives way:
//! questions that nobody answers do not keep others from being asked.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use tokio::sync::oneshot::{self, Receiver, Sender};

/// Who waits, in the order of their coming. `waiting.len() <= most`.
pub(super) struct Queue {
    waiting: RefCell<BTreeMap<u64, Sender<()>>>,
    came: Cell<u64>,
    most: usize,
}

/// One question that waits; in the queue while it lasts.
pub(super) struct Waiting {
    queue: Rc<Queue>,
    number: u64,
    /// Told when the question has to give way.
    gone: Receiver<()>,
}

impl Queue {
    /// Room for `most` questions, at least one.
    pub(super) fn new(most: usize) -> Rc<Self> {
        Rc::new(Self { waiting: RefCell::default(), came: Cell::new(0), most: most.max(1) })
    }

    /// Takes a question in.
    pub(super) fn enter(self: &Rc<Self>) -> Waiting {
        let number = self.came.get();
        self.came.set(number + 1);
        let (give_way, gone) = oneshot::channel();
        let mut waiting = self.waiting.borrow_mut();
        if waiting.len() >= self.most
            && let Some((_, oldest)) = waiting.pop_first()
        {
            // One that has just been answered need not be told.
            let _ = oldest.send(());
        }
        waiting.insert(number, give_way);
        Waiting { queue: Rc::clone(self), number, gone }
    }
}

impl Waiting {
    /// Ends when the question has to give way to a later one.
    pub(super) async fn given_way(&mut self) {
        // The sender is in the queue for as long as this is.
        let _ = (&mut self.gone).await;
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.queue.waiting.borrow_mut().remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn oldest_gives_way_above_the_limit() {
        let queue = Queue::new(2);
        let (mut first, mut second) = (queue.enter(), queue.enter());
        assert!(first.gone.try_recv().is_err() && second.gone.try_recv().is_err());
        let _third = queue.enter();
        first.given_way().await;
        assert!(second.gone.try_recv().is_err());
        assert_eq!(queue.waiting.borrow().len(), 2);
    }

    #[test]
    fn answered_question_leaves_room() {
        let queue = Queue::new(1);
        drop(queue.enter());
        let mut next = queue.enter();
        assert!(next.gone.try_recv().is_err());
    }
}
