//! What runs by the clock.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::SignedDuration;
use kernel::job::{Job, JobError};
use serde_json::Value;

use crate::keys::KeyRing;

/// Makes a new signing key when the one in use is old enough.
pub struct RotateKeys {
    pub keys: Arc<KeyRing>,
    pub age: SignedDuration,
}

#[async_trait]
impl Job for RotateKeys {
    fn kind(&self) -> &'static str {
        "auth.rotate_keys"
    }

    async fn run(&self, _: &Value) -> Result<(), JobError> {
        let rotated = self.keys.rotate_if_older(self.age).await.map_err(JobError::retry)?;
        if let Some(rotation) = rotated {
            tracing::info!(
                key_id = rotation.key.kid,
                signs_from = %rotation.signs_from,
                is_new = rotation.is_new,
                "the next signing key is published"
            );
        }
        Ok(())
    }
}
