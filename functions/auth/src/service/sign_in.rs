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
    lockout::counter_name,
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
            PasswordCheck::Right { user } => {
                self.admit(origin, *user, &counter, failures.is_some(), started).await
            }
        }
    }

    /// Whoever it is has proven it: makes the session, if the account's state allows one.
    pub(super) async fn admit(
        &self,
        origin: &Origin,
        user: User,
        counter: &str,
        has_failed: bool,
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
        let cleared = has_failed.then_some(counter);
        let token = self.create_session(origin, tenant, &user, cleared, started).await?;
        self.issue(token.owner, grants.roles, token.text, Some(user)).await
    }

    async fn create_session(
        &self,
        origin: &Origin,
        tenant: Tenant,
        user: &User,
        cleared: Option<&str>,
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
        let event = event(now, tenant, &origin.acting_as(user.id), &data);
        self.store.create_session(tenant, &session, cleared, &[event]).await?;
        Ok(token)
    }

    /// Announces a failure and, if it was a guess, counts it, in one write.
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
        let is_counted = reason == LoginFailure::InvalidCredentials;
        Ok(self.store.add_failure(counter, is_counted, now, &[event]).await?)
    }
}

fn account_of(check: &PasswordCheck) -> (Option<TenantId>, Option<UserId>) {
    match check {
        PasswordCheck::Right { user } => (Some(user.tenant_id), Some(user.id)),
        PasswordCheck::Wrong { tenant_id, user_id } => (*tenant_id, *user_id),
    }
}
