//! The error bus: faults of ours (panics, 5xx) go to every sink, whatever answered the client.

use std::{fmt::Debug, sync::OnceLock};

/// Something that should not have happened.
#[derive(Debug, Clone)]
pub struct Fault {
    pub message: String,
    /// The request during which it happened.
    pub request_id: Option<String>,
    /// The route or handler, such as `GET /api/v1/users/{id}`.
    pub place: String,
    pub is_panic: bool,
}

/// Takes faults somewhere, such as an error tracker. Must not block.
pub trait Sink: Send + Sync + Debug {
    fn report(&self, fault: &Fault);
}

static SINKS: OnceLock<Vec<Box<dyn Sink>>> = OnceLock::new();

/// Adds sinks beside the log and the metric, once, at start.
///
/// # Errors
/// Gives the sinks back when some were installed before.
pub fn install(sinks: Vec<Box<dyn Sink>>) -> Result<(), Vec<Box<dyn Sink>>> {
    SINKS.set(sinks)
}

/// Reports a fault to the log, the metric `faults_total` and every sink.
pub fn report(fault: &Fault) {
    tracing::error!(
        place = fault.place,
        request_id = fault.request_id,
        panic = fault.is_panic,
        "{}",
        fault.message
    );
    metrics::counter!("faults_total", "panic" => if fault.is_panic { "true" } else { "false" })
        .increment(1);
    for sink in SINKS.get().into_iter().flatten() {
        sink.report(fault);
    }
}

/// The message inside a caught panic.
pub fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "panic without a message".to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Debug, Clone, Default)]
    struct Recorded(Arc<Mutex<Vec<String>>>);

    impl Sink for Recorded {
        fn report(&self, fault: &Fault) {
            self.0.lock().unwrap().push(fault.message.clone());
        }
    }

    #[test]
    fn a_fault_reaches_every_installed_sink() {
        let recorded = Recorded::default();
        let sinks: Vec<Box<dyn Sink>> =
            vec![Box::new(recorded.clone()), Box::new(recorded.clone())];
        install(sinks).unwrap();
        let message = panic_message(&"out of cheese");
        let place = "GET /".to_owned();
        report(&Fault { message, request_id: None, place, is_panic: true });
        assert_eq!(*recorded.0.lock().unwrap(), ["out of cheese", "out of cheese"]);
        assert!(install(Vec::new()).is_err(), "sinks are installed once");
    }
}
