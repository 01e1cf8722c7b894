//! What answers should not carry: as written, and as meant.

use crate::flow::{Leak, Reaction, Watch};
use schemars::JsonSchema;
use serde::Deserialize;

/// What answers should not carry, and what is done when they do: `record` tells of it, `mask` puts asterisks in its
/// place, `block` keeps the answer back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Responses {
    /// A database's complaint about a statement.
    pub sql_errors: Option<RecordOrBlock>,
    /// Two frames or more of a program's call stack.
    pub stack_traces: Option<RecordOrBlock>,
    /// Lines of the operating system's account files.
    pub system_files: Option<RecordOrBlock>,
    /// Private keys in their usual armour.
    pub private_keys: Option<RecordOrBlock>,
    /// Keys and tokens of cloud and platform services.
    pub cloud_credentials: Option<Reaction>,
    /// Payment card numbers with a right check digit.
    pub card_numbers: Option<Reaction>,
    /// IBANs with right check digits, US social security numbers.
    pub personal_data: Option<Reaction>,
}

/// What is done about what cannot be masked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RecordOrBlock {
    /// The answer goes on, and the record tells of it.
    Record,
    /// The answer does not go on.
    Block,
}

impl Responses {
    /// As it is meant.
    pub fn watch(&self) -> Watch {
        let whole = |setting: Option<RecordOrBlock>| {
            setting.map(|setting| match setting {
                RecordOrBlock::Record => Reaction::Record,
                RecordOrBlock::Block => Reaction::Block,
            })
        };
        let mut watch = Watch::default();
        watch.set(Leak::SqlErrors, whole(self.sql_errors));
        watch.set(Leak::StackTraces, whole(self.stack_traces));
        watch.set(Leak::SystemFiles, whole(self.system_files));
        watch.set(Leak::PrivateKeys, whole(self.private_keys));
        watch.set(Leak::CloudCredentials, self.cloud_credentials);
        watch.set(Leak::CardNumbers, self.card_numbers);
        watch.set(Leak::PersonalData, self.personal_data);
        watch
    }
}
