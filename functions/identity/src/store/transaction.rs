use aws::{StoreError, Table, Write};
use kernel::caller::Tenant;

use super::links;
use crate::link::StoredLink;

/// A rule that a write would have broken; nothing was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conflict {
    /// Another account has the address.
    EmailTaken,
    /// Another account of the tenant has the username.
    UsernameTaken,
    /// What is to be made is there already: an account with the id, the link of a registration.
    Exists,
    /// The account has changed since it was read.
    Stale,
    /// The password has changed since it was checked.
    PasswordChanged,
    /// The link was used, or a newer one replaced it.
    LinkUsed,
}

/// Why an account was not stored.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    #[error("the write is refused: {0:?}")]
    Conflict(Conflict),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Writes that happen together, each condition with the rule that it stands for.
#[derive(Debug, Default)]
pub struct Transaction {
    writes: Vec<Write>,
    /// The rule behind the condition of the write in the same place.
    rules: Vec<Option<Conflict>>,
}

impl Transaction {
    /// Adds a write whose condition means that there is no such conflict.
    pub fn guarded(&mut self, write: Write, rule: Conflict) {
        self.writes.push(write);
        self.rules.push(Some(rule));
    }

    /// Adds a write without a condition.
    pub fn add(&mut self, write: Write) {
        self.writes.push(write);
        self.rules.push(None);
    }

    pub fn extend(&mut self, writes: impl IntoIterator<Item = Write>) {
        writes.into_iter().for_each(|write| self.add(write));
    }

    /// Adds the use of a link, which must not have ended.
    pub fn consume(&mut self, tenant: Tenant, link: &StoredLink) {
        let mut writes = links::consume(tenant, link).into_iter();
        writes.by_ref().take(1).for_each(|write| self.guarded(write, Conflict::LinkUsed));
        self.extend(writes);
    }

    pub async fn commit(self, table: &Table) -> Result<(), SaveError> {
        table.write_all(self.writes).await.map_err(|error| match error {
            StoreError::Condition(index) => match self.rules.get(index).copied().flatten() {
                Some(rule) => SaveError::Conflict(rule),
                None => SaveError::Store(error),
            },
            other => SaveError::Store(other),
        })
    }
}
