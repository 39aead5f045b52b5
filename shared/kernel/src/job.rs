//! Work that runs outside a request: scheduled, retried, one worker at a time.

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A failed job: worth another try, or not.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    #[error("{0}")]
    Retry(String),
    #[error("{0}")]
    Reject(String),
}

impl JobError {
    pub fn retry(cause: impl std::fmt::Display) -> Self {
        Self::Retry(cause.to_string())
    }

    pub fn reject(cause: impl std::fmt::Display) -> Self {
        Self::Reject(cause.to_string())
    }
}

/// Runs the jobs of one kind. May run twice for one job, so it must be idempotent.
#[async_trait]
pub trait Job: Send + Sync + 'static {
    /// `{module}.{name}`, as the manifest declares it.
    fn kind(&self) -> &'static str;

    async fn run(&self, payload: &Value) -> Result<(), JobError>;
}

/// A job to be run now: what a schedule sends, or a queue holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct JobMessage {
    pub kind: String,
    #[serde(default)]
    pub payload: Value,
}

/// Runs the one of a module's jobs that the message names.
///
/// # Errors
/// The job's own; and when the module has no such job.
pub async fn run_job(jobs: &[Arc<dyn Job>], message: &JobMessage) -> Result<(), JobError> {
    let job = jobs.iter().find(|job| job.kind() == message.kind);
    let job = job.ok_or_else(|| JobError::Reject(format!("no job of kind `{}`", message.kind)))?;
    job.run(&message.payload).await
}
