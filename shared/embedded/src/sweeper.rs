//! Time to live: removes expired items, as the real tables do by themselves.

use std::{sync::Arc, time::Duration};

use dynoxide::Database;
use kernel::fault::{self, Fault};
use tokio::sync::Notify;

use crate::signals::Signals;

const INTERVAL: Duration = Duration::from_mins(10);

/// Sweeps at start and every ten minutes, until it is time to stop.
pub(crate) async fn run(database: Database, wake: Arc<Notify>, signals: Signals) {
    while !signals.is_stopping() {
        let database = database.clone();
        let swept = tokio::task::spawn_blocking(move || database.sweep_ttl()).await;
        let swept = swept.map_err(|error| error.to_string());
        match swept.and_then(|swept| swept.map_err(|error| error.to_string())) {
            Ok(count) => tracing::debug!(count, "expired items removed"),
            Err(cause) => fault::report(&Fault {
                message: format!("expired items stay for now: {cause}"),
                request_id: None,
                place: "time to live".to_owned(),
                is_panic: false,
            }),
        }
        // Its deletes are in the streams, and nobody else tells of them. This also finds the record of
        // a write whose caller had gone before it could tell.
        wake.notify_one();
        tokio::select! {
            () = tokio::time::sleep(INTERVAL) => {}
            () = signals.stopping() => {}
        }
    }
}
