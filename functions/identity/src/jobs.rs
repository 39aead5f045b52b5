//! The work of the manifest's jobs.

use std::sync::Arc;

use async_trait::async_trait;
use kernel::{
    job::{Job, JobError},
    origin::Origin,
};
use serde_json::Value;

use crate::service::Service;

/// Erases the accounts that were deleted long enough ago.
pub struct EraseDeleted(pub Arc<Service>);

#[async_trait]
impl Job for EraseDeleted {
    fn kind(&self) -> &'static str {
        "identity.erase_deleted"
    }

    async fn run(&self, _: &Value) -> Result<(), JobError> {
        let outcome = self.0.erase_due(&Origin::system(self.kind())).await;
        let outcome = outcome.map_err(|error| JobError::Retry(error.to_string()))?;
        tracing::info!(outcome.erased, outcome.failed, "deleted accounts were erased");
        if outcome.failed > 0 {
            return Err(JobError::Retry(format!("{} accounts are not erased", outcome.failed)));
        }
        Ok(())
    }
}
