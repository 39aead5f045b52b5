use std::sync::Arc;

use async_trait::async_trait;
use contracts::{
    authz::RoleRef,
    events::{
        LoginSucceeded, MfaDisabled, MfaEnabled, PasswordChanged, PasswordResetRequested,
        RoleAssigned, RoleRevoked, TokenReuseDetected, UserCreated, UserImportRequested,
        UserMailRequested,
    },
};
use kernel::{
    caller::Tenant,
    event::{ConsumeError, Consumer, Envelope, EventData},
    id::UserId,
};

use crate::{letters::Notice, service::Service};

/// Handles the events that the manifest consumes: mails that are due, new assignments of roles,
/// and users that are to be imported.
pub struct Consumers(pub Arc<Service>);

#[async_trait]
impl Consumer for Consumers {
    async fn consume(&self, event: &Envelope) -> Result<(), ConsumeError> {
        let service = &self.0;
        match event.kind.as_str() {
            UserCreated::TYPE => {
                service.welcome(event, &data(event)?).await.map_err(ConsumeError::retry)
            }
            UserMailRequested::TYPE => {
                service.send_requested(event, &data(event)?).await.map_err(ConsumeError::retry)
            }
            PasswordResetRequested::TYPE => {
                service.send_reset_link(event, &data(event)?).await.map_err(ConsumeError::retry)
            }
            TokenReuseDetected::TYPE => {
                let TokenReuseDetected { user_id, .. } = data(event)?;
                let told = service.tell_of_change(event, user_id, Notice::SessionEnded).await;
                told.map_err(ConsumeError::retry)
            }
            PasswordChanged::TYPE => {
                let PasswordChanged { user_id, .. } = data(event)?;
                let told = service.tell_of_change(event, user_id, Notice::PasswordChanged).await;
                told.map_err(ConsumeError::retry)
            }
            MfaEnabled::TYPE => {
                let MfaEnabled { user_id, factor } = data(event)?;
                let told =
                    service.tell_of_change(event, user_id, Notice::FactorAdded(factor)).await;
                told.map_err(ConsumeError::retry)
            }
            MfaDisabled::TYPE => {
                let MfaDisabled { user_id, factor } = data(event)?;
                let notice = Notice::FactorRemoved(factor);
                service.tell_of_change(event, user_id, notice).await.map_err(ConsumeError::retry)
            }
            LoginSucceeded::TYPE => {
                let LoginSucceeded { user_id, is_new_device, .. } = data(event)?;
                if !is_new_device {
                    return Ok(());
                }
                let told = service.tell_of_change(event, user_id, Notice::NewDevice).await;
                told.map_err(ConsumeError::retry)
            }
            UserImportRequested::TYPE => {
                let (tenant, origin) = (Tenant::of_event(event), event.origin());
                let worked = service.work_off(&origin, tenant, &data(event)?).await;
                worked.map_err(ConsumeError::retry)
            }
            RoleAssigned::TYPE => {
                let RoleAssigned { user_id, assigned: _, roles, assignment_version } = data(event)?;
                self.show_roles(event, user_id, &roles, assignment_version).await
            }
            RoleRevoked::TYPE => {
                let RoleRevoked { user_id, revoked: _, roles, assignment_version } = data(event)?;
                self.show_roles(event, user_id, &roles, assignment_version).await
            }
            other => {
                Err(ConsumeError::Reject(format!("events of type `{other}` are not consumed")))
            }
        }
    }
}

impl Consumers {
    async fn show_roles(
        &self,
        event: &Envelope,
        user: UserId,
        roles: &[RoleRef],
        version: u64,
    ) -> Result<(), ConsumeError> {
        let names: Vec<_> = roles.iter().map(|role| role.name.clone()).collect();
        let (tenant, origin) = (Tenant::of_event(event), event.origin());
        let shown = self.0.show_roles(&origin, tenant, user, &names, version);
        shown.await.map_err(ConsumeError::retry)
    }
}

fn data<T: EventData>(event: &Envelope) -> Result<T, ConsumeError> {
    T::deserialize(&event.data).map_err(ConsumeError::reject)
}
