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
use crate::{authentication::Authentication, error::Error};

/// A request to sign in.
#[derive(Debug)]
pub struct SignIn {
    pub email: String,
    pub password: Secret,
}

impl Service {
    /// Signs somebody in. An unknown address and a wrong password take the same way, the same
    /// writes and the same hash, so neither the answer nor its time tells them apart.
    pub async fn sign_in(&self, origin: &Origin, request: SignIn) -> Result<SignedIn, Error> {
        // The session begins now, before the password is looked at: whatever ends sessions while the
        // hash waits its turn (a suspension, a new password) ends this one too.
        let started = self.clock.now();
        let counters = self.counters(origin, &request.email);
        let credentials = Credentials { email: request.email, password: request.password };
        // At the same time, although a locked-out guess then costs a hash: one round trip less for
        // everybody else, and the number of hashes at a time is bounded anyway.
        let (attempt, check) = tokio::join!(
            Box::pin(self.count_attempt(&counters, started)),
            self.identities.check_password(origin, &credentials),
        );
        let attempt = match attempt {
            Ok(attempt) => attempt,
            Err(error @ Error::LockedOut(_)) => {
                let (tenant, user) = account_of(&check?);
                self.note_failure(origin, &counters.client, tenant, user, LoginFailure::LockedOut)
                    .await?;
                return Err(error);
            }
            Err(error) => return Err(error),
        };
        match check {
            Ok(PasswordCheck::Wrong { tenant_id, user_id }) => {
                let reason = LoginFailure::InvalidCredentials;
                self.note_failure(origin, &counters.client, tenant_id, user_id, reason).await?;
                Err(Error::InvalidCredentials)
            }
            Ok(PasswordCheck::Right { user, password_version }) => {
                let proven = Proven {
                    user: *user,
                    authentication: Authentication::by_password(self.clock.now()),
                    password_version: Some(password_version),
                    started,
                };
                let (admitted, ()) = tokio::join!(
                    Box::pin(self.admit_proven(origin, proven, &counters.client)),
                    Box::pin(self.take_back_from_account(&attempt)),
                );
                if admitted.is_err() {
                    Box::pin(self.take_back_from_client(&attempt)).await;
                }
                admitted
            }
            Err(error) => {
                Box::pin(self.take_back(&attempt)).await;
                Err(error.into())
            }
        }
    }

    /// The password was right, or a provider vouches for them: goes on, if the account's state allows it.
    pub(super) async fn admit_proven(
        &self,
        origin: &Origin,
        proven: Proven,
        counter: &str,
    ) -> Result<SignedIn, Error> {
        let (tenant, user) = (proven.user.tenant_id, proven.user.id);
        let (reason, error) = match refusal(proven.user.status) {
            Some(refusal) => refusal,
            None => match self.admit(origin, proven).await {
                Err(Error::TenantSuspended) => {
                    (LoginFailure::TenantSuspended, Error::TenantSuspended)
                }
                outcome => return outcome,
            },
        };
        self.note_failure(origin, counter, Some(tenant), Some(user), reason).await?;
        Err(error)
    }

    /// Announces a failure.
    pub(super) async fn note_failure(
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
        Ok(self.store.announce_refusal(counter, now, event).await?)
    }
}

fn account_of(check: &PasswordCheck) -> (Option<TenantId>, Option<UserId>) {
    match check {
        PasswordCheck::Right { user, .. } => (Some(user.tenant_id), Some(user.id)),
        PasswordCheck::Wrong { tenant_id, user_id } => (*tenant_id, *user_id),
    }
}
