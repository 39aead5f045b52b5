use kernel::{event::EventData, id::TenantId};
use serde::{Deserialize, Serialize};

/// A tenant was created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TenantCreated {
    pub tenant_id: TenantId,
    pub name: String,
    pub slug: String,
}

/// A tenant changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TenantUpdated {
    pub tenant_id: TenantId,
    /// Names of the fields that changed.
    pub changed: Vec<String>,
}

impl EventData for TenantCreated {
    const TYPE: &'static str = "platform.tenant.created";
    const RESOURCE: &'static str = "tenant";

    fn subject_id(&self) -> String {
        self.tenant_id.to_string()
    }
}

impl EventData for TenantUpdated {
    const TYPE: &'static str = "platform.tenant.updated";
    const RESOURCE: &'static str = "tenant";

    fn subject_id(&self) -> String {
        self.tenant_id.to_string()
    }
}
