//! What the tasks of a pipeline tell each other: that it is time to stop, and that they got on.

use tokio::sync::watch;

/// Shared by all tasks of a pipeline.
#[derive(Clone)]
pub(crate) struct Signals {
    stop: watch::Sender<bool>,
    progress: watch::Sender<u64>,
}

impl Signals {
    pub(crate) fn new() -> Self {
        Self { stop: watch::Sender::new(false), progress: watch::Sender::new(0) }
    }

    pub(crate) fn stop(&self) {
        self.stop.send_replace(true);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        *self.stop.borrow()
    }

    /// Resolves when it is time to stop.
    pub(crate) async fn stopping(&self) {
        // An error would mean that the sender is gone, but `self` holds one.
        let _ = self.stop.subscribe().wait_for(|stop| *stop).await;
    }

    /// A task found nothing more to do, or is about to acknowledge what it did.
    pub(crate) fn progressed(&self) {
        self.progress.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Changes with each [`Self::progressed`].
    pub(crate) fn progress(&self) -> watch::Receiver<u64> {
        self.progress.subscribe()
    }
}
