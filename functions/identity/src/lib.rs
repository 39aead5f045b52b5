//! Identity: who the users are, and how they prove it.
//!
//! An account belongs to one tenant; its address is unique over the platform. What the roles of a
//! user add up to is the authorization service's affair, sessions are the business of auth: both ask
//! here through [`contracts::identity::Identities`].
//!
//! To add an endpoint: its route in `module.yaml`, its handler in `api/`, a use case in `service/`.

mod api;
mod breaches;
pub mod common_passwords;
mod consumer;
mod email;
mod error;
mod hashing;
mod import;
mod internal;
mod jobs;
mod letters;
mod link;
mod password;
mod profile;
mod service;
mod settings;
mod sign_in;
mod store;
mod user;

use std::sync::Arc;

use aws::Table;
use contracts::{audit::AuditTrail, authz::Authorization, generated, tenant::Tenants};
use kernel::{
    clock::Clock,
    config::{ConfigErrors, Sources},
    cursor::Cursors,
    idempotency::Idempotency,
    limit::Limits,
    mail::Mailer,
    module::Module,
    remembered::{Memory, Remembered},
    secret::Key,
};

use crate::{
    breaches::Breaches,
    consumer::Consumers,
    hashing::{Hasher, Peppers},
    jobs::EraseDeleted,
    letters::Letters,
    link::Links,
    service::Service,
    settings::Settings,
    store::Store,
};

/// The module's name.
const NAME: &str = "identity";

/// How long it may go unseen that a tenant has changed its settings.
const TENANT_MEMORY: Memory = Memory { seconds: 60, entries: 1_000 };

/// What the service needs from outside.
pub struct Ports {
    pub table: Table,
    pub authz: Arc<dyn Authorization>,
    pub audit: Arc<dyn AuditTrail>,
    pub tenants: Arc<dyn Tenants>,
    pub mailer: Arc<dyn Mailer>,
    pub clock: Arc<dyn Clock>,
    pub cursors: Cursors,
    pub idempotency: Idempotency,
    /// What mailed tokens are made with; the same wherever the service runs.
    pub link_key: Key,
    /// Counts what strangers ask for accounts by their addresses.
    pub limits: Limits,
}

/// Builds the module.
///
/// # Errors
/// Every setting that is wrong.
pub fn module(sources: &Sources, ports: Ports) -> Result<Module, ConfigErrors> {
    let spec = generated::module(NAME);
    let settings = Settings::read(sources, spec.config)?;
    let wrong = |key: &str, reason: &str| ConfigErrors(vec![format!("{key}: {reason}")]);
    let peppers = settings.pepper.as_ref().map_or_else(|| Ok(Peppers::default()), Peppers::parse);
    let peppers = peppers.map_err(|reason| wrong("identity.password.pepper", &reason))?;
    let hasher = Hasher::new(&settings.hashing, peppers)
        .map_err(|reason| wrong("identity.password.*", &reason))?;
    let breaches = Breaches::at(&settings.breach_check_url)
        .map_err(|reason| wrong("identity.password.breach_check_url", &reason))?;

    let Ports {
        table,
        authz,
        audit,
        tenants,
        mailer,
        clock,
        cursors,
        idempotency,
        link_key,
        limits,
    } = ports;
    let account_key = link_key.derive("accounts");
    let links = Links {
        key: link_key,
        base: settings.link_base,
        verification_lasts: settings.verification_lasts,
        reset_lasts: settings.reset_lasts,
    };
    let service = Arc::new(Service {
        store: Store::new(table.clone()),
        authz,
        audit,
        tenants,
        security_mail: Remembered::new("security_mail", TENANT_MEMORY, clock.clone()),
        mailer,
        clock,
        cursors,
        hasher,
        policy: settings.policy,
        breaches,
        erased_after: settings.erased_after,
        links,
        letters: Letters::default(),
        limits,
        account_key,
    });
    let mut module = Module::new(NAME, spec.version);
    module.api = api::router(service.clone());
    module.internal = internal::router(service.clone());
    module.consumer = Some(Arc::new(Consumers(service.clone())));
    module.jobs = vec![Arc::new(EraseDeleted(service))];
    module.checks = vec![Arc::new(table)];
    module.problems = error::PROBLEMS;
    module.idempotency = Some(idempotency);
    Ok(module)
}
