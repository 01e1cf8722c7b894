//! The budget of one judgement, in steps and not in time, so that the same input always gets the same answer.

/// Steps left. A step is about one byte looked at; what is dearer takes more.
#[derive(Clone, Copy, Debug)]
pub struct Fuel {
    left: u64,
}

/// The budget is used up: the judgement ends with its documented answer (deny, by default).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Empty;

impl Fuel {
    /// A full budget of `steps`.
    pub fn new(steps: u64) -> Self {
        Self { left: steps }
    }

    /// Takes `steps` from the budget.
    ///
    /// # Errors
    /// When less than that is left; then nothing is left.
    pub fn spend(&mut self, steps: usize) -> Result<(), Empty> {
        match self.left.checked_sub(steps as u64) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => {
                self.left = 0;
                Err(Empty)
            }
        }
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.left == 0
    }

    /// Steps left.
    pub fn left(&self) -> u64 {
        self.left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fuel_ends_at_its_limit() {
        let mut fuel = Fuel::new(10);
        assert_eq!(fuel.spend(10), Ok(()));
        assert_eq!(fuel.spend(1), Err(Empty));
        assert!(fuel.is_empty());
    }
}
