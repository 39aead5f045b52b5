//! Ends sessions when something elsewhere demands it.

use std::sync::Arc;

use async_trait::async_trait;
use contracts::events::{PasswordChanged, RevocationReason, UserDeleted, UserSuspended};
use kernel::{
    caller::Tenant,
    event::{ConsumeError, Consumer, Envelope, EventData},
    id::{SessionId, UserId},
};

use crate::service::Service;

/// Ends a user's sessions after a change of password, a suspension or a deletion.
pub struct EndSessions(pub Arc<Service>);

#[async_trait]
impl Consumer for EndSessions {
    async fn consume(&self, event: &Envelope) -> Result<(), ConsumeError> {
        if let Some(changed) = parse::<PasswordChanged>(event)? {
            let reason = RevocationReason::PasswordChanged;
            self.end(event, changed.user_id, changed.kept_session_id, reason).await
        } else if let Some(suspended) = parse::<UserSuspended>(event)? {
            self.end(event, suspended.user_id, None, RevocationReason::UserSuspended).await
        } else if let Some(deleted) = parse::<UserDeleted>(event)? {
            self.end(event, deleted.user_id, None, RevocationReason::UserDeleted).await
        } else {
            Ok(())
        }
    }
}

impl EndSessions {
    /// Up to the moment of the event: a sign-in after it is a new one.
    async fn end(
        &self,
        event: &Envelope,
        user: UserId,
        kept: Option<SessionId>,
        reason: RevocationReason,
    ) -> Result<(), ConsumeError> {
        let (origin, tenant) = (event.origin(), Tenant::of_event(event));
        let ended = self.0.end_sessions(&origin, tenant, user, event.time, kept, reason);
        ended.await.map_err(ConsumeError::retry)
    }
}

fn parse<T: EventData>(event: &Envelope) -> Result<Option<T>, ConsumeError> {
    event.data::<T>().transpose().map_err(ConsumeError::reject)
}
