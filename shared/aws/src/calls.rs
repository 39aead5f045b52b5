//! Counts calls to tables: for metrics, for the budgets that tests keep, and to wake who waits for writes.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{
            Intercept,
            context::{BeforeSerializationInterceptorContextRef, FinalizerInterceptorContextRef},
        },
        orchestrator::Metadata,
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::config_bag::{ConfigBag, Layer, Storable, StoreReplace};

/// One finished call.
#[derive(Debug, Clone)]
pub struct Call {
    /// Such as `GetItem`.
    pub operation: &'static str,
    started: Instant,
    ended: Instant,
}

/// The table calls made while a future ran, wherever in the process its task took it.
#[derive(Debug, Clone, Default)]
pub struct Ledger(Arc<Mutex<Vec<Call>>>);

tokio::task_local! {
    static CURRENT: Ledger;
}

impl Ledger {
    /// Runs the future and says which calls it made.
    pub async fn of<F: Future>(future: F) -> (F::Output, Self) {
        let ledger = Self::default();
        let output = CURRENT.scope(ledger.clone(), future).await;
        (output, ledger)
    }

    pub fn calls(&self) -> Vec<Call> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many calls had to wait for each other: the longest chain of calls of which each began
    /// after the one before had ended. Calls made at the same time count once.
    pub fn in_sequence(&self) -> usize {
        let mut calls = self.calls();
        calls.sort_by_key(|call| call.ended);
        let mut chain = 0;
        let mut last_end = None;
        for call in calls {
            if last_end.is_none_or(|end| call.started >= end) {
                chain += 1;
                last_end = Some(call.ended);
            }
        }
        chain
    }

    fn add(&self, call: Call) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(call);
    }
}

/// What to do after each write, such as waking the reader of the streams.
pub type AfterWrite = Arc<dyn Fn() + Send + Sync>;

/// Watches every call of the SDK client that it is built into.
#[derive(Clone, Default)]
pub struct Recorder {
    after_write: Option<AfterWrite>,
}

impl Recorder {
    /// Also calls `after_write` after each attempt to write.
    pub fn notifying(after_write: AfterWrite) -> Self {
        Self { after_write: Some(after_write) }
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recorder")
    }
}

#[derive(Debug)]
struct Started(Instant);

impl Storable for Started {
    type Storer = StoreReplace<Self>;
}

impl Intercept for Recorder {
    fn name(&self) -> &'static str {
        "Recorder"
    }

    fn read_before_execution(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let mut layer = Layer::new("Recorder");
        layer.store_put(Started(Instant::now()));
        bag.push_layer(layer);
        Ok(())
    }

    fn read_after_execution(
        &self,
        _: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let operation =
            bag.load::<Metadata>().map_or("unknown", |metadata| operation(metadata.name()));
        let ended = Instant::now();
        let started = bag.load::<Started>().map_or(ended, |started| started.0);
        metrics::counter!("table_calls_total", "operation" => operation).increment(1);
        // Outside a `Ledger::of`, nobody counts.
        let _ = CURRENT.try_with(|ledger| ledger.add(Call { operation, started, ended }));
        // Also after a failure: the store may have written all the same.
        if is_write(operation)
            && let Some(after_write) = &self.after_write
        {
            after_write();
        }
        Ok(())
    }
}

/// The operations that stores use; a static name makes a cheap metric label.
const OPERATIONS: [&str; 9] = [
    "GetItem",
    "BatchGetItem",
    "Query",
    "PutItem",
    "UpdateItem",
    "DeleteItem",
    "TransactWriteItems",
    "BatchWriteItem",
    "DescribeTable",
];

fn operation(name: &str) -> &'static str {
    OPERATIONS.into_iter().find(|known| *known == name).unwrap_or("other")
}

fn is_write(operation: &str) -> bool {
    matches!(
        operation,
        "PutItem" | "UpdateItem" | "DeleteItem" | "TransactWriteItems" | "BatchWriteItem"
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn calls_at_the_same_time_count_once_in_sequence() {
        let ledger = Ledger::default();
        let zero = Instant::now();
        let at = |ms| zero + Duration::from_millis(ms);
        for (started, ended) in [(0, 10), (2, 8), (10, 20), (11, 30), (31, 40)] {
            ledger.add(Call { operation: "GetItem", started: at(started), ended: at(ended) });
        }
        assert_eq!(ledger.calls().len(), 5);
        assert_eq!(ledger.in_sequence(), 3);
    }
}
