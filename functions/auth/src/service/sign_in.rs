use contracts::{
    PLATFORM_TENANT,
    events::{LoginFailed, LoginFailure, LoginSucceeded},
    identity::{Credentials, PasswordCheck, User, UserStatus},
};
use jiff::Timestamp;
use kernel::{
    caller::Tenant,
    id::{SessionId, TenantId, UserId},
    origin::Origin,
    secret::Secret,
};

use super::{Service, SignedIn, event};
use crate::{
    error::Error,
    refresh_token::{Owner, RefreshToken},
    session::Session,
};

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
            Ok(PasswordCheck::Right { user }) => {
                let (admitted, ()) = tokio::join!(
                    Box::pin(self.admit(origin, *user, &counters.client, started)),
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

    /// Whoever it is has proven it: makes the session, if the account's state allows one.
    pub(super) async fn admit(
        &self,
        origin: &Origin,
        user: User,
        counter: &str,
        started: Timestamp,
    ) -> Result<SignedIn, Error> {
        let refusal = match user.status {
            UserStatus::Active => None,
            UserStatus::Pending => Some((LoginFailure::EmailNotVerified, Error::EmailNotVerified)),
            UserStatus::Suspended => Some((LoginFailure::Suspended, Error::Suspended)),
            UserStatus::Deleted => {
                Some((LoginFailure::InvalidCredentials, Error::InvalidCredentials))
            }
        };
        if let Some((reason, error)) = refusal {
            self.note_failure(origin, counter, Some(user.tenant_id), Some(user.id), reason).await?;
            return Err(error);
        }
        // The account is proven, by a password or a provider, and the account names the tenant.
        let tenant = Tenant::of_secret(user.tenant_id);
        let grants = self.authz.grants(origin, tenant, user.id).await?;
        let token = self.create_session(origin, tenant, &user, started).await?;
        self.issue(token.owner, grants.roles, token.text, Some(user)).await
    }

    async fn create_session(
        &self,
        origin: &Origin,
        tenant: Tenant,
        user: &User,
        started: Timestamp,
    ) -> Result<RefreshToken, Error> {
        let now = self.clock.now();
        let owner = Owner { tenant: user.tenant_id, user: user.id, session: SessionId::new() };
        let token = self.refresh_tokens.first(owner);
        let session = Session {
            id: owner.session,
            tenant_id: owner.tenant,
            user_id: owner.user,
            current: token.fingerprint(),
            previous: None,
            rotated_at: now,
            created_at: started,
            last_used_at: now,
            expires_at: now.saturating_add(self.lifetimes.refresh()).unwrap_or(now),
            ip_address: origin.actor.ip_address.clone(),
            user_agent: origin.actor.user_agent.clone(),
            ended: None,
        };
        let data = LoginSucceeded { user_id: user.id, session_id: owner.session };
        let events = [event(now, tenant, &origin.acting_as(user.id), &data)];
        let (created, ()) = tokio::join!(
            self.store.create_session(tenant, &session, &events),
            Box::pin(self.know_client(origin, &user.email, now)),
        );
        created?;
        Ok(token)
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
        PasswordCheck::Right { user } => (Some(user.tenant_id), Some(user.id)),
        PasswordCheck::Wrong { tenant_id, user_id } => (*tenant_id, *user_id),
    }
}
