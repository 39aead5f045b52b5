//! Ends sessions and API keys, and forgets, when something elsewhere demands it.

use std::sync::Arc;

use async_trait::async_trait;
use contracts::events::{
    ApiKeyRevocationReason, PasswordChanged, RevocationReason, TenantUpdated, UserDeleted,
    UserSuspended,
};
use jiff::Timestamp;
use kernel::{
    caller::Tenant,
    event::{ConsumeError, Consumer, Envelope, EventData},
    id::UserId,
};

use crate::{service::Service, session::Revocation};

/// Ends a user's sessions after a change of password, a suspension or a deletion, API keys as
/// [`crate::api_key`] says, and forgets what a tenant demanded before it was changed.
pub struct EndSessions(pub Arc<Service>);

#[async_trait]
impl Consumer for EndSessions {
    async fn consume(&self, event: &Envelope) -> Result<(), ConsumeError> {
        if let Some(changed) = parse::<PasswordChanged>(event)? {
            // Up to the change: a sign-in with the new password is a new one. One with the former
            // password may be newer than the time of the event, which was made before its commit.
            let wanted = Revocation {
                kept_session: changed.kept_session_id,
                password_version: Some(changed.password_version),
                ..Revocation::until(event.time)
            };
            self.end(event, changed.user_id, wanted, RevocationReason::PasswordChanged).await?;
            if changed.kept_session_id.is_none() {
                // By a mailed link: whoever had the account may have left keys.
                let reason = ApiKeyRevocationReason::PasswordReset;
                self.end_keys(event, changed.user_id, event.time, reason).await?;
            }
            Ok(())
        } else if let Some(suspended) = parse::<UserSuspended>(event)? {
            let (now, user) = (self.0.clock.now(), suspended.user_id);
            let wanted = Revocation::until(now);
            self.end(event, user, wanted, RevocationReason::UserSuspended).await?;
            self.end_keys(event, user, now, ApiKeyRevocationReason::UserSuspended).await
        } else if let Some(deleted) = parse::<UserDeleted>(event)? {
            let (origin, tenant) = (event.origin(), Tenant::of_event(event));
            let forgotten = self.0.forget_identities(&origin, tenant, deleted.user_id).await;
            forgotten.map_err(ConsumeError::retry)?;
            let (now, user) = (self.0.clock.now(), deleted.user_id);
            let wanted = Revocation::until(now);
            self.end(event, user, wanted, RevocationReason::UserDeleted).await?;
            self.end_keys(event, user, now, ApiKeyRevocationReason::UserDeleted).await
        } else if parse::<TenantUpdated>(event)?.is_some() {
            // Where all is one process, at once. Other instances remember until the time is over.
            self.0.forget_tenancy(Tenant::of_event(event)).await;
            Ok(())
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
        wanted: Revocation,
        reason: RevocationReason,
    ) -> Result<(), ConsumeError> {
        let (origin, tenant) = (event.origin(), Tenant::of_event(event));
        let ended = self.0.end_sessions(&origin, tenant, user, wanted, reason);
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
