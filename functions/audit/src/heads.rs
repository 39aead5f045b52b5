use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use kernel::caller::Tenant;
use tokio::sync;

use crate::chain::Head;

/// How many tenants' heads an instance remembers.
const CAPACITY: usize = 10_000;

/// The head of one tenant's chain as this instance last saw it, if it has. Held while appending, so that an
/// instance does not race itself.
type Slot = Arc<sync::Mutex<Option<Head>>>;

/// The heads that this instance remembers. They may be out of date: appending finds out.
#[derive(Debug, Default)]
pub struct Heads(Mutex<HashMap<Tenant, Slot>>);

impl Heads {
    pub fn slot(&self, tenant: Tenant) -> Slot {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= CAPACITY && !slots.contains_key(&tenant) {
            // What is in use stays; forgetting the rest costs each of them one read.
            slots.retain(|_, slot| Arc::strong_count(slot) > 1);
        }
        slots.entry(tenant).or_default().clone()
    }
}

#[cfg(test)]
mod tests {
    use kernel::id::TenantId;

    use super::*;

    #[tokio::test]
    async fn heads_are_bounded_and_those_in_use_stay() {
        let heads = Heads::default();
        let tenant = Tenant::of_internal_call(TenantId::new());
        let slot = heads.slot(tenant);
        *slot.lock().await = Some(Head::of_nothing());
        for _ in 0..CAPACITY {
            heads.slot(Tenant::of_internal_call(TenantId::new()));
        }
        assert!(heads.0.lock().unwrap().len() <= CAPACITY);
        assert_eq!(*heads.slot(tenant).lock().await, Some(Head::of_nothing()));
    }
}
