//! Ends sessions and API keys when something elsewhere demands it.

use std::sync::Arc;

use async_trait::async_trait;
use contracts::events::{
    ApiKeyRevocationReason, PasswordChanged, RevocationReason, UserDeleted, UserSuspended,
};
use jiff::Timestamp;
use kernel::{
    caller::Tenant,
    event::{ConsumeError, Consumer, Envelope, EventData},
    id::{SessionId, UserId},
};

use crate::service::Service;

/// Ends a user's sessions after a change of password, a suspension or a deletion; API keys as [`crate::api_key`]
/// says.
pub struct EndSessions(pub Arc<Service>);

#[async_trait]
impl Consumer for EndSessions {
    async fn consume(&self, event: &Envelope) -> Result<(), ConsumeError> {
        if let Some(changed) = parse::<PasswordChanged>(event)? {
            // Up to the change: a sign-in with the new password is a new one.
            let (moment, reason) = (event.time, RevocationReason::PasswordChanged);
            self.end(event, changed.user_id, moment, changed.kept_session_id, reason).await?;
            if changed.kept_session_id.is_none() {
                // By a mailed link: whoever had the account may have left keys.
                let reason = ApiKeyRevocationReason::PasswordReset;
                self.end_keys(event, changed.user_id, moment, reason).await?;
            }
            Ok(())
        } else if let Some(suspended) = parse::<UserSuspended>(event)? {
            let (now, user) = (self.0.clock.now(), suspended.user_id);
            self.end(event, user, now, None, RevocationReason::UserSuspended).await?;
            self.end_keys(event, user, now, ApiKeyRevocationReason::UserSuspended).await
        } else if let Some(deleted) = parse::<UserDeleted>(event)? {
            let (origin, tenant) = (event.origin(), Tenant::of_event(event));
            let forgotten = self.0.forget_identities(&origin, tenant, deleted.user_id).await;
            forgotten.map_err(ConsumeError::retry)?;
            let (now, user) = (self.0.clock.now(), deleted.user_id);
            self.end(event, user, now, None, RevocationReason::UserDeleted).await?;
            self.end_keys(event, user, now, ApiKeyRevocationReason::UserDeleted).await
        } else {
            Ok(())
        }
    }
}

impl EndSessions {
    async fn end(
        &self,
        event: &Envelope,
        user: UserId,
        moment: Timestamp,
        kept: Option<SessionId>,
        reason: RevocationReason,
    ) -> Result<(), ConsumeError> {
        let (origin, tenant) = (event.origin(), Tenant::of_event(event));
        let ended = self.0.end_sessions(&origin, tenant, user, moment, kept, reason);
        ended.await.map_err(ConsumeError::retry)
    }

    async fn end_keys(
        &self,
        event: &Envelope,
        user: UserId,
        moment: Timestamp,
        reason: ApiKeyRevocationReason,
    ) -> Result<(), ConsumeError> {
        let (origin, tenant) = (event.origin(), Tenant::of_event(event));
        let ended = self.0.end_api_keys(&origin, tenant, user, moment, reason);
        ended.await.map_err(ConsumeError::retry)
    }
}

fn parse<T: EventData>(event: &Envelope) -> Result<Option<T>, ConsumeError> {
    event.data::<T>().transpose().map_err(ConsumeError::reject)
}
