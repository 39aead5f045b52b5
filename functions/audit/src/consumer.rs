use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use futures_util::future::join_all;
use kernel::{
    caller::Tenant,
    event::{ConsumeError, Consumer, Envelope},
};

use crate::{entry::check_recordable, service::Service};

/// Entries in one transaction, which takes 100 items; an entry needs two.
const MAX_ENTRIES: usize = 50;
/// Largest event. An item may have 400 KB.
const MAX_EVENT_BYTES: usize = 300_000;
/// Events in one transaction, in bytes. A transaction may have 4 MB.
const MAX_BYTES: usize = 3_000_000;

/// Records every event that comes.
pub struct Recorder(pub Arc<Service>);

/// An event that can be recorded, and its index in the batch that it came with.
struct Recordable<'a> {
    index: usize,
    size: usize,
    event: &'a Envelope,
}

#[async_trait]
impl Consumer for Recorder {
    async fn consume(&self, event: &Envelope) -> Result<(), ConsumeError> {
        self.consume_batch(std::slice::from_ref(event)).await.pop().unwrap_or(Ok(()))
    }

    async fn consume_batch(&self, events: &[Envelope]) -> Vec<Result<(), ConsumeError>> {
        let mut results: Vec<_> = events.iter().map(|_| Ok(())).collect();
        let mut by_tenant: HashMap<Tenant, Vec<Recordable>> = HashMap::new();
        for (index, event) in events.iter().enumerate() {
            match check_recordable(event, MAX_EVENT_BYTES) {
                Ok(size) => by_tenant
                    .entry(Tenant::of_event(event))
                    .or_default()
                    .push(Recordable { index, size, event }),
                Err(unrecordable) => results[index] = Err(ConsumeError::reject(unrecordable)),
            }
        }
        let recordings = by_tenant.iter().map(|(tenant, events)| self.record(*tenant, events));
        for (index, error) in join_all(recordings).await.into_iter().flatten() {
            results[index] = Err(error);
        }
        results
    }
}

impl Recorder {
    /// Records the events of one tenant; gives the indices of those that failed, and why.
    async fn record(
        &self,
        tenant: Tenant,
        events: &[Recordable<'_>],
    ) -> Vec<(usize, ConsumeError)> {
        let mut rest = events;
        while !rest.is_empty() {
            let (chunk, later) = rest.split_at(chunk_length(rest));
            let envelopes: Vec<_> = chunk.iter().map(|recordable| recordable.event).collect();
            if let Err(error) = self.0.record(tenant, &envelopes).await {
                tracing::warn!(%tenant, %error, events = rest.len(), "events were not recorded");
                // What comes later waits too, so that the order of the entries is that of the events.
                let fail = |event: &Recordable| (event.index, ConsumeError::retry(&error));
                return rest.iter().map(fail).collect();
            }
            rest = later;
        }
        Vec::new()
    }
}

/// How many of the events fit into one transaction; at least one does.
fn chunk_length(events: &[Recordable]) -> usize {
    let mut bytes = 0;
    let fits = |event: &&Recordable| {
        bytes += event.size;
        bytes <= MAX_BYTES
    };
    events.iter().take(MAX_ENTRIES).take_while(fits).count()
}
