//! The audit service, as other services see it.

use async_trait::async_trait;
use jiff::Timestamp;
use kernel::{
    caller::Tenant,
    client::{CallError, ServiceClient},
    id::{EventId, UserId},
    origin::{Actor, Origin},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// Something that a user did, or that was done to them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Activity {
    /// Of the audit entry that tells of it.
    pub id: EventId,
    #[schema(example = "user.updated")]
    pub action: String,
    /// Who did it, and from where.
    pub actor: Actor,
    /// The kind of thing that it was done to.
    #[schema(example = "user")]
    pub resource: String,
    #[schema(example = "019cebab-8995-77b9-830d-40bd57deeac1")]
    pub resource_id: String,
    /// `success` or `failure`.
    #[schema(example = "success")]
    pub outcome: String,
    /// The particulars, without personal data and secrets.
    #[schema(value_type = Object, example = json!({"changed": ["last_name"]}))]
    pub metadata: Map<String, Value>,
    #[schema(value_type = String, format = DateTime)]
    pub occurred_at: Timestamp,
}

/// One page of what a user did and what was done to them, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ActivityPage {
    pub items: Vec<Activity>,
    /// Where the next page begins, if there is more.
    pub next_before: Option<u64>,
}

/// The audit service.
#[async_trait]
pub trait AuditTrail: Send + Sync + 'static {
    /// At most `limit` (1..=100) entries from before a place that an earlier page named. What happened
    /// a moment ago may be missing still.
    async fn activity(
        &self,
        origin: &Origin,
        tenant: Tenant,
        user: UserId,
        limit: u32,
        before: Option<u64>,
    ) -> Result<ActivityPage, CallError>;
}

#[async_trait]
impl AuditTrail for ServiceClient {
    async fn activity(
        &self,
        origin: &Origin,
        tenant: Tenant,
        user: UserId,
        limit: u32,
        before: Option<u64>,
    ) -> Result<ActivityPage, CallError> {
        let before = before.map(|before| format!("&before={before}")).unwrap_or_default();
        let path = format!("/internal/audit/tenants/{tenant}/users/{user}/activity");
        self.get(origin, &format!("{path}?limit={limit}{before}")).await
    }
}
