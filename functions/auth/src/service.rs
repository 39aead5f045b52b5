//! The use cases.

mod access;
mod api_keys;
mod attempts;
mod clients;
mod federation;
mod identities;
mod introspection;
mod providers;
mod refresh;
mod sessions;
mod sign_in;
mod tokens;

use std::sync::Arc;

use contracts::{
    authz::Authorization,
    identity::{Identities, PasswordChange, Registration, User},
    sessions::Jwks,
    tenant::{TenantView, Tenants},
};
use jiff::{SignedDuration, Timestamp};
use kernel::{
    caller::{Caller, Credential, Tenant},
    clock::Clock,
    cursor::Cursors,
    event::{Envelope, EventData},
    id::UserId,
    limit::{AccountUse, Limits},
    origin::Origin,
    secret::{Key, Secret},
    validate::Invalid,
};

pub use self::{
    access::SignedIn,
    federation::{BeginFederation, Begun, Callback, Federation, Finished},
    introspection::TokenInfo,
    sign_in::SignIn,
    tokens::{ClientCredentials, ClientToken, GrantError},
};
use crate::{
    credential::Credentials, error::Error, keys::AccessTokens, lockout::LockoutRules,
    refresh_token::RefreshTokens, store::Store,
};

/// How long things live.
#[derive(Debug, Clone, Copy)]
pub struct Lifetimes {
    pub access_seconds: i64,
    pub refresh_days: i64,
    pub grace_seconds: i64,
}

impl Lifetimes {
    fn access(self) -> SignedDuration {
        SignedDuration::from_secs(self.access_seconds)
    }

    fn refresh(self) -> SignedDuration {
        SignedDuration::from_hours(self.refresh_days * 24)
    }

    fn grace(self) -> SignedDuration {
        SignedDuration::from_secs(self.grace_seconds)
    }
}

/// The use cases and what they work with.
pub struct Service {
    pub store: Store,
    pub identities: Arc<dyn Identities>,
    pub authz: Arc<dyn Authorization>,
    pub tenants: Arc<dyn Tenants>,
    pub clock: Arc<dyn Clock>,
    pub cursors: Cursors,
    pub tokens: AccessTokens,
    pub refresh_tokens: RefreshTokens,
    /// They name tenant, user and key.
    pub api_keys: Credentials<3>,
    /// They name tenant and client.
    pub client_secrets: Credentials<2>,
    pub lifetimes: Lifetimes,
    pub lockout: LockoutRules,
    pub federation: Federation,
    /// Names accounts to counters without saying whose they are.
    pub attempt_key: Key,
    pub limits: Limits,
}

/// A request for an account.
#[derive(Debug)]
pub struct RegisterRequest {
    pub user_id: UserId,
    pub email: String,
    pub password: Secret,
    pub name: String,
    pub tenant: Option<String>,
}

/// Who somebody is.
#[derive(Debug)]
pub struct Profile {
    pub user: User,
    pub tenant: TenantView,
}

impl Service {
    /// Creates a pending account, unless the address is taken, which the answer does not tell.
    pub async fn register(&self, origin: &Origin, request: RegisterRequest) -> Result<(), Error> {
        let account = self.counters(origin, &request.email).account;
        let counted = self.limits.count_account(AccountUse::Registration, &account).await;
        counted.map_err(Error::Throttled)?;
        let slug = request.tenant.as_deref();
        let tenant = self.tenants.find_for_registration(origin, slug).await?.ok_or_else(|| {
            let unknown =
                Invalid::new("tenant.unknown", "takes no registrations, or does not exist");
            Error::Invalid(unknown.at("/tenant"))
        })?;
        let registration = Registration {
            tenant_id: tenant.id,
            user_id: request.user_id,
            email: request.email,
            password: request.password,
            name: request.name,
        };
        Ok(self.identities.register(origin, &registration).await?)
    }

    /// The account and tenant behind a token.
    pub async fn profile(&self, caller: &Caller) -> Result<Profile, Error> {
        if caller.credential == Credential::Client {
            return Err(Error::NoAccount);
        }
        let (user, tenant) = tokio::try_join!(
            self.identities.find(&caller.origin, caller.tenant, caller.user),
            self.tenants.find(&caller.origin, caller.tenant.id()),
        )?;
        match (user, tenant) {
            (Some(user), Some(tenant)) => Ok(Profile { user, tenant }),
            _ => Err(Error::AccountGone),
        }
    }

    /// Changes the caller's password and ends all other sessions.
    pub async fn change_password(
        &self,
        caller: &Caller,
        current_password: Secret,
        new_password: Secret,
    ) -> Result<(), Error> {
        let change =
            PasswordChange { current_password, new_password, keep_session: caller.session };
        self.identities
            .change_password(&caller.origin, caller.tenant, caller.user, &change)
            .await?;
        // The event that identity announced would do this too, a moment later.
        self.end_other_sessions(caller).await
    }

    /// The public halves of the signing keys.
    pub async fn public_keys(&self) -> Result<Jwks, Error> {
        Ok(self.tokens.public_keys().await?)
    }
}

fn event<T: EventData>(now: Timestamp, tenant: Tenant, origin: &Origin, data: &T) -> Envelope {
    Envelope::new("auth", now, tenant, origin, data)
}
