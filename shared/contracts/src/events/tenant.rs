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

impl EventData for TenantCreated {
    const TYPE: &'static str = "platform.tenant.created";
    const RESOURCE: &'static str = "tenant";

    fn subject_id(&self) -> String {
        self.tenant_id.to_string()
    }
}
