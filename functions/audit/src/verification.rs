//! Walking a chain from its first entry to its last, in bounded memory.

use aws::StoreError;
use kernel::caller::Tenant;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    chain::{Head, hash_of},
    store::{ChainItem, Store},
};

/// What a check of a chain has found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = AuditVerification)]
pub struct Verification {
    /// Whether every entry is the one that was recorded.
    pub intact: bool,
    /// How many entries are proven: all of them, or those before the first broken one.
    #[schema(example = 42)]
    pub entries: u64,
    /// The last proven entry; `null` when there is none.
    #[schema(required)]
    pub head: Option<Head>,
    #[schema(required)]
    pub first_broken: Option<Break>,
}

/// Where a chain is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = AuditBreak)]
pub struct Break {
    #[schema(example = 17)]
    pub sequence: u64,
    pub reason: Reason,
}

/// How a chain is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AuditBreakReason)]
pub enum Reason {
    /// The entry's content is not what its hash was made of.
    Changed,
    /// There is no entry with this sequence, but there are later ones.
    Missing,
    /// Something else stands in the entry's place: another entry, or none of this chain.
    Misplaced,
    /// The entry does not follow from the one before: one of the two is not the original.
    Unlinked,
}

/// Walks the whole chain of the tenant.
pub async fn verify(store: &Store, tenant: Tenant) -> Result<Verification, StoreError> {
    let mut head = Head::of_nothing();
    let mut position = None;
    loop {
        let page = store.chain_page(tenant, position).await?;
        for item in page.items {
            match follow(tenant, &head, item) {
                Ok(next) => head = next,
                Err(broken) => return Ok(verification(head, Some(broken))),
            }
        }
        position = page.next;
        if position.is_none() {
            return Ok(verification(head, None));
        }
    }
}

/// The head after this item, if it is the entry that comes next after `head`.
fn follow(tenant: Tenant, head: &Head, item: ChainItem) -> Result<Head, Break> {
    let expected = head.sequence + 1;
    let broken = |reason| Err(Break { sequence: expected, reason });
    match item.sequence {
        Some(sequence) if sequence == expected => {}
        Some(sequence) if sequence > expected => return broken(Reason::Missing),
        Some(_) | None => return broken(Reason::Misplaced),
    }
    let Some(entry) = item.entry else { return broken(Reason::Changed) };
    if entry.sequence != expected || entry.tenant_id != tenant.id() {
        broken(Reason::Misplaced)
    } else if entry.hash != hash_of(&entry) {
        broken(Reason::Changed)
    } else if entry.previous_hash != head.hash {
        broken(Reason::Unlinked)
    } else {
        Ok(entry.head())
    }
}

fn verification(head: Head, first_broken: Option<Break>) -> Verification {
    Verification {
        intact: first_broken.is_none(),
        entries: head.sequence,
        head: (head.sequence > 0).then_some(head),
        first_broken,
    }
}
