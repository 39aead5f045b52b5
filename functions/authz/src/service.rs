//! The use cases. Each that changes something reads as: load, check, change, save, announce.

mod assignments;
mod checks;
mod management;
mod roles;

use std::sync::Arc;

use kernel::{
    caller::Tenant,
    clock::Clock,
    event::{Envelope, EventData},
    origin::Origin,
};

pub use self::{
    checks::{Question, Verdict},
    roles::RolePosition,
};
use crate::{error::Error, lookup::Lookup, store::Store};

/// How often a change that lost a race is tried on what the winner left.
const TRIES: u32 = 4;

/// The authorization service.
pub struct Service {
    pub(crate) store: Store,
    pub(crate) lookup: Lookup,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Service {
    fn event(&self, tenant: Tenant, origin: &Origin, data: &impl EventData) -> Envelope {
        Envelope::new("authz", self.clock.now(), tenant, origin, data)
    }
}

/// Repeats a change that loses a race, from loading on.
///
/// # Errors
/// `Contended` when it loses every time.
async fn until_settled<T, F>(mut attempt: impl FnMut() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    for _ in 1..TRIES {
        match attempt().await {
            Err(Error::Contended) => {}
            outcome => return outcome,
        }
    }
    attempt().await
}
