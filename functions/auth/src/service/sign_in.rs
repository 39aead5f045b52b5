use contracts::{
    PLATFORM_TENANT,
    events::{LoginFailed, LoginFailure},
    identity::{Credentials, PasswordCheck},
};
use kernel::{
    caller::Tenant,
    id::{TenantId, UserId},
    origin::Origin,
    secret::Secret,
};

use super::{Service, SignedIn, admission::Proven, event, passkeys::refusal};
use crate::{authentication::Authentication, error::Error, lockout::counter_name};

/// A request to sign in.
#[derive(Debug)]
pub struct SignIn {
    pub email: String,
    pub password: Secret,
}

impl Service {
    /// Signs somebody in. An unknown address and a wrong password take the same way, the same reads,
    /// the same hash and the same write, so neither the answer nor its time tells them apart.
    pub async fn sign_in(&self, origin: &Origin, request: SignIn) -> Result<SignedIn, Error> {
        // The session begins now, before the password is looked at: whatever ends sessions while the
        // hash waits its turn (a suspension, a new password) ends this one too.
        let started = self.clock.now();
        let counter = counter_name(&request.email, origin.actor.ip_address.as_deref());
        let credentials = Credentials { email: request.email, password: request.password };
        // At the same time, although a locked-out guess then costs a hash: one round trip less for
        // everybody else, and the number of hashes at a time is bounded anyway.
        let (failures, check) = tokio::join!(
            self.store.failures(&counter),
            self.identities.check_password(origin, &credentials),
        );
        let (failures, check) = (failures?, check?);
        let now = self.clock.now();
        if let Some(seconds) = failures.and_then(|failures| failures.wait(self.lockout, now)) {
            let (tenant, user) = account_of(&check);
            self.note_failure(origin, &counter, tenant, user, LoginFailure::LockedOut).await?;
            return Err(Error::LockedOut(seconds));
        }
        match check {
            PasswordCheck::Wrong { tenant_id, user_id } => {
                let reason = LoginFailure::InvalidCredentials;
                self.note_failure(origin, &counter, tenant_id, user_id, reason).await?;
                Err(Error::InvalidCredentials)
            }
            PasswordCheck::Right { user, password_version } => {
                let proven = Proven {
                    user: *user,
                    authentication: Authentication::by_password(now),
                    password_version: Some(password_version),
                    started,
                };
                self.admit_by_password(origin, proven, &counter, failures.is_some()).await
            }
        }
    }

    /// The password was right: goes on, if the account's state allows it.
    async fn admit_by_password(
        &self,
        origin: &Origin,
        proven: Proven,
        counter: &str,
        has_failed: bool,
    ) -> Result<SignedIn, Error> {
        let (tenant, user) = (proven.user.tenant_id, proven.user.id);
        let (reason, error) = match refusal(proven.user.status) {
            Some(refusal) => refusal,
            None => match self.admit(origin, proven, has_failed.then_some(counter)).await {
                Err(Error::TenantSuspended) => {
                    (LoginFailure::TenantSuspended, Error::TenantSuspended)
                }
                outcome => return outcome,
            },
        };
        self.note_failure(origin, counter, Some(tenant), Some(user), reason).await?;
        Err(error)
    }

    /// Announces a failure and, if it was a guess, counts it, in one write.
    async fn note_failure(
        &self,
        origin: &Origin,
        counter: &str,
        tenant: Option<TenantId>,
        user: Option<UserId>,
        reason: LoginFailure,
    ) -> Result<(), Error> {
        // What belongs to no tenant goes to the operators' log.
        let tenant = Tenant::of_address(tenant.unwrap_or(PLATFORM_TENANT));
        let now = self.clock.now();
        let event = event(now, tenant, origin, &LoginFailed { user_id: user, reason });
        let is_counted = reason == LoginFailure::InvalidCredentials;
        Ok(self.store.add_failure(counter, is_counted, now, &[event]).await?)
    }
}

fn account_of(check: &PasswordCheck) -> (Option<TenantId>, Option<UserId>) {
    match check {
        PasswordCheck::Right { user, .. } => (Some(user.tenant_id), Some(user.id)),
        PasswordCheck::Wrong { tenant_id, user_id } => (*tenant_id, *user_id),
    }
}
