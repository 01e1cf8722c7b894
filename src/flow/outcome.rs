//! What became of a suspicious message that went on: whether it did what it was meant to.

/// How the answer looks to a message that carried signs of an attack. In the order of what it means to the analyst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// It was answered as any other: nothing shows that it worked.
    Attempted,
    /// The upstream failed over it (a status of 500 or more): it reached code that did not expect it.
    Disturbed,
    /// The answer carries what such attacks are after: complaints of a database, a call stack, account files, keys.
    LikelySucceeded,
}

impl Outcome {
    /// What an answer with this status says, and `leaked`: whether it carried what it should not.
    pub fn of(status: u16, leaked: bool) -> Self {
        match (leaked, status) {
            (true, _) => Self::LikelySucceeded,
            (false, 500..) => Self::Disturbed,
            (false, _) => Self::Attempted,
        }
    }

    /// The word for records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Attempted => "attempted",
            Self::Disturbed => "disturbed",
            Self::LikelySucceeded => "likely-succeeded",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leak_says_more_than_a_status() {
        assert_eq!(Outcome::of(200, false), Outcome::Attempted);
        assert_eq!(Outcome::of(499, false), Outcome::Attempted);
        assert_eq!(Outcome::of(500, false), Outcome::Disturbed);
        assert_eq!(Outcome::of(500, true), Outcome::LikelySucceeded);
        assert_eq!(Outcome::of(200, true), Outcome::LikelySucceeded);
    }
}
