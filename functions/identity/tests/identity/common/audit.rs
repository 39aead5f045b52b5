use std::sync::Mutex;

use async_trait::async_trait;
use contracts::audit::{Activity, ActivityPage, AuditTrail};
use kernel::{
    caller::Tenant,
    client::CallError,
    id::{EventId, TenantId, UserId},
    origin::{Actor, ActorKind, Origin},
};

/// What somebody asked the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    pub tenant: TenantId,
    pub user: UserId,
    pub limit: u32,
    pub before: Option<u64>,
}

/// Has an entry of each number below [`FakeAudit::ENTRIES`] for everybody.
#[derive(Default)]
pub struct FakeAudit(Mutex<Vec<Question>>);

impl FakeAudit {
    pub const ENTRIES: u64 = 5;

    pub fn questions(&self) -> Vec<Question> {
        self.0.lock().unwrap().clone()
    }
}

#[async_trait]
impl AuditTrail for FakeAudit {
    async fn activity(
        &self,
        _: &Origin,
        tenant: Tenant,
        user: UserId,
        limit: u32,
        before: Option<u64>,
    ) -> Result<ActivityPage, CallError> {
        self.0.lock().unwrap().push(Question { tenant: tenant.id(), user, limit, before });
        let numbers: Vec<u64> = (0..before.unwrap_or(Self::ENTRIES)).rev().collect();
        let page = &numbers[..numbers.len().min(limit as usize)];
        let next_before = page.last().copied().filter(|last| *last > 0);
        Ok(ActivityPage { items: page.iter().map(|number| entry(*number)).collect(), next_before })
    }
}

fn entry(number: u64) -> Activity {
    Activity {
        id: EventId::new(),
        action: format!("user.action_{number}"),
        actor: Actor { kind: ActorKind::System, id: None, ip_address: None, user_agent: None },
        resource: "user".to_owned(),
        resource_id: "somebody".to_owned(),
        outcome: "success".to_owned(),
        metadata: serde_json::Map::new(),
        occurred_at: jiff::Timestamp::UNIX_EPOCH,
    }
}
