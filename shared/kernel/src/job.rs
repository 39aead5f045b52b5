//! Work that runs outside a request: scheduled, retried, one worker at a time.

use async_trait::async_trait;
use serde_json::Value;

/// A failed job: worth another try, or not.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    #[error("{0}")]
    Retry(String),
    #[error("{0}")]
    Reject(String),
}

/// Runs the jobs of one kind. May run twice for one job, so it must be idempotent.
#[async_trait]
pub trait Job: Send + Sync + 'static {
    /// `{module}.{name}`, as the manifest declares it.
    fn kind(&self) -> &'static str;

    async fn run(&self, payload: &Value) -> Result<(), JobError>;
}
