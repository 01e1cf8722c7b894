//! What an answer should not carry, and what is done when it does.

use schemars::JsonSchema;
use serde::Deserialize;

/// Sorts of content that a service should not give away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Leak {
    /// A database's complaint about a statement.
    SqlErrors,
    /// Two frames or more of a program's call stack.
    StackTraces,
    /// Lines of the operating system's account files.
    SystemFiles,
    /// The armour of a private key.
    PrivateKeys,
    /// Keys and tokens of cloud and platform services.
    CloudCredentials,
    /// Payment card numbers with a right check digit.
    CardNumbers,
    /// IBANs with right check digits, US social security numbers.
    PersonalData,
}

/// What is done about a leak, from the most lenient to the strictest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Reaction {
    /// The answer goes on, and the record tells of it.
    Record,
    /// What was found goes on as asterisks.
    Mask,
    /// The answer does not go on.
    Block,
}

/// What is done about each sort; nothing about those that are not named. Default: nothing at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Watch([Option<Reaction>; Leak::ALL.len()]);

impl Leak {
    /// Every sort.
    pub const ALL: [Self; 7] = [
        Self::SqlErrors,
        Self::StackTraces,
        Self::SystemFiles,
        Self::PrivateKeys,
        Self::CloudCredentials,
        Self::CardNumbers,
        Self::PersonalData,
    ];

    /// The word for records.
    pub fn name(self) -> &'static str {
        match self {
            Self::SqlErrors => "leak-sql-error",
            Self::StackTraces => "leak-stack-trace",
            Self::SystemFiles => "leak-system-file",
            Self::PrivateKeys => "leak-private-key",
            Self::CloudCredentials => "leak-cloud-credential",
            Self::CardNumbers => "leak-card-number",
            Self::PersonalData => "leak-personal-data",
        }
    }
}

impl Watch {
    /// What shows that an attack has worked: told of, and passed on.
    pub fn for_outcomes() -> Self {
        let mut watch = Self::default();
        let telling =
            [Leak::SqlErrors, Leak::StackTraces, Leak::SystemFiles, Leak::PrivateKeys, Leak::CloudCredentials];
        telling.into_iter().for_each(|leak| watch.set(leak, Some(Reaction::Record)));
        watch
    }

    /// What is done about one sort.
    pub fn reaction(&self, leak: Leak) -> Option<Reaction> {
        self.0.get(leak as usize).copied().flatten()
    }

    /// Sets what is done about one sort.
    pub fn set(&mut self, leak: Leak, reaction: Option<Reaction>) {
        if let Some(place) = self.0.get_mut(leak as usize) {
            *place = reaction;
        }
    }

    /// Whether nothing is watched for.
    pub fn is_off(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }

    /// Whether any sort keeps an answer from going on.
    pub fn blocks(&self) -> bool {
        self.0.contains(&Some(Reaction::Block))
    }

    /// The stricter of two, sort by sort.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        let mut both = self;
        for leak in Leak::ALL {
            both.set(leak, self.reaction(leak).max(other.reaction(leak)));
        }
        both
    }

    /// The sorts about which less is done than before.
    pub fn laxer_than(&self, before: &Self) -> impl Iterator<Item = Leak> {
        Leak::ALL.into_iter().filter(|leak| self.reaction(*leak) < before.reaction(*leak))
    }
}
