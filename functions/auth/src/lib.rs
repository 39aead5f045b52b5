//! Sign-in: sessions, tokens and the keys that sign them.
//!
//! A sign-in makes a session. The session's refresh tokens form one family: each use replaces the
//! token by its successor, and a token that comes back after that ends the family. Access tokens are
//! short-lived and say who, which tenant, which session; whether the session still counts is what the
//! authorizer asks [`internal`].
//!
//! To add an endpoint: its route in `module.yaml`, a file in `api/`, a use case in `service/`.

mod api;
mod api_key;
mod authentication;
mod challenge;
mod client;
mod consumer;
mod credential;
mod device;
mod error;
mod factors;
mod federation;
mod holder;
mod internal;
mod jobs;
pub mod keys;
mod lockout;
mod passkey;
mod recovery;
mod refresh_token;
mod scopes;
mod service;
mod session;
mod store;
mod totp;

use std::sync::Arc;

use aws::Table;
use contracts::{
    authz::Authorization, credential as form, generated, identity::Identities, tenant::Tenants,
};
use jiff::SignedDuration;
use kernel::{
    clock::Clock,
    config::{ConfigErrors, Reader, Sources},
    cursor::Cursors,
    idempotency::Idempotency,
    limit::Limits,
    module::Module,
    outgoing::Reach,
    remembered::{Memory, Remembered},
    secret::{Key, SecretStore},
    step_up::RecentAuthentication,
};

use crate::{
    credential::Credentials,
    federation::return_to::ReturnOrigins,
    holder::FactorKeys,
    jobs::RotateKeys,
    keys::{AccessTokens, KeyRing},
    lockout::{LockoutRules, Rule},
    passkey::RelyingParty,
    refresh_token::RefreshTokens,
    service::{Federation, Lifetimes, Service},
    store::Store,
};

/// What the service needs from outside.
pub struct Ports {
    pub table: Table,
    pub identities: Arc<dyn Identities>,
    pub authz: Arc<dyn Authorization>,
    pub tenants: Arc<dyn Tenants>,
    pub secrets: Arc<dyn SecretStore>,
    pub clock: Arc<dyn Clock>,
    pub cursors: Cursors,
    pub idempotency: Idempotency,
    /// Authenticates refresh tokens and derives each one's successor; authenticates API keys and client
    /// secrets.
    pub refresh_key: Key,
    /// Seals what sign-ins by a tenant's identity provider need: client secrets and states.
    pub federation_key: Key,
    /// Counts registrations by their addresses.
    pub limits: Limits,
    /// Protects what people have enrolled beside their passwords.
    pub factor_key: Key,
}

/// Builds the module.
///
/// # Errors
/// Every setting that is wrong.
pub fn module(sources: &Sources, ports: Ports) -> Result<Module, ConfigErrors> {
    let spec = generated::module("auth");
    let mut settings = Reader::new(sources, spec.config);
    let issuer: String = settings.get("auth.issuer");
    let audience: String = settings.get("auth.audience");
    let access_seconds: i64 = settings.get("auth.access_token_seconds");
    let lifetimes = Lifetimes {
        access_seconds,
        refresh_days: settings.get("auth.refresh_token_days"),
        session_days: settings.get("auth.session_days"),
        grace_seconds: settings.get("auth.refresh_grace_seconds"),
    };
    let lockout = LockoutRules {
        client: Rule {
            free_attempts: settings.get("auth.lockout.free_attempts"),
            max_delay_seconds: settings.get("auth.lockout.max_delay_seconds"),
        },
        account: Rule {
            free_attempts: settings.get("auth.lockout.account_free_attempts"),
            max_delay_seconds: settings.get("auth.lockout.account_max_delay_seconds"),
        },
    };
    let reach = Reach {
        private: settings.get("auth.federation.allow_private_addresses"),
        loopback: settings.get("auth.federation.allow_loopback"),
    };
    let return_origins: Vec<String> = settings.get("auth.federation.return_origins");
    let key_age = SignedDuration::from_hours(24 * settings.get::<i64>("auth.key_rotation_days"));
    let step_up = RecentAuthentication::within_seconds(settings.get("auth.step_up_seconds"));
    let tenants = Memory { seconds: settings.get("auth.tenant_cache_seconds"), entries: 10_000 };
    let party = RelyingParty {
        id: settings.get("auth.passkeys.domain"),
        name: settings.get("auth.product_name"),
        origins: settings.get("auth.passkeys.origins"),
    };
    settings.finish()?;
    let party = party.or_of(&issuer);
    let return_origins = ReturnOrigins::new(&return_origins).map_err(|mistake| {
        ConfigErrors(vec![format!("PLINTH_AUTH_FEDERATION_RETURN_ORIGINS: {mistake}")])
    })?;

    let federation =
        Federation::new(&ports.federation_key, reach, return_origins, &issuer, ports.clock.clone());
    let clock = ports.clock.clone();
    let keys = Arc::new(KeyRing::new(ports.secrets, ports.clock.clone(), access_seconds));
    let service = Arc::new(Service {
        store: Store::new(ports.table.clone()),
        identities: ports.identities,
        authz: ports.authz,
        tenants: ports.tenants,
        clock: ports.clock,
        cursors: ports.cursors,
        tokens: AccessTokens::new(keys.clone(), issuer, audience),
        refresh_tokens: RefreshTokens::new(&ports.refresh_key),
        api_keys: Credentials::new(form::API_KEY, &ports.refresh_key),
        client_secrets: Credentials::new(form::CLIENT_SECRET, &ports.refresh_key),
        lifetimes,
        lockout,
        federation,
        attempt_key: ports.refresh_key.derive("attempts"),
        limits: ports.limits,
        factor_keys: FactorKeys::new(&ports.factor_key),
        party,
        step_up,
        tenancies: Remembered::new("auth.tenants", tenants, clock),
    });
    let mut module = Module::new("auth", spec.version);
    module.api = api::router(service.clone());
    module.internal = internal::router(service.clone());
    module.consumer = Some(Arc::new(consumer::EndSessions(service)));
    module.jobs = vec![Arc::new(RotateKeys { keys: keys.clone(), age: key_age })];
    module.checks = vec![Arc::new(ports.table)];
    module.lifecycle = vec![keys];
    module.problems = error::PROBLEMS;
    module.idempotency = Some(ports.idempotency);
    Ok(module)
}
