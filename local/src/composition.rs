//! Every module on the store's tables, reaching each other through one transport.

use std::{collections::HashMap, sync::Arc};

use authorizer::Authorizer;
use aws::{Table, limits::TableLimiter};
use axum::Router;
use contracts::generated::{self, MODULES, ROUTES};
use embedded::{Mailbox, Schedule, SecretFile, Store, Subscription};
use kernel::{
    client::{ServiceClient, Transport},
    clock::{Clock, SystemClock},
    config::Sources,
    cursor::Cursors,
    idempotency::Idempotency,
    limit::{Limits, Rules},
    module::Module,
    openapi::{self, ApiDocument},
    secret::{Key, Secret, SecretStore, platform_key},
};

use crate::{credentials::Credentials, platform::StartError, seed::Seeder};

/// The table that all modules count rate limits in.
const LIMITS_TABLE: &str = "limits";

/// Says in the secret store that seeding was completed.
const SEEDED: &str = "first-accounts-made";

/// What the platform consists of, without a server in front and without the events in between.
pub struct Composition {
    /// Dependencies first.
    pub modules: Vec<Module>,
    pub authorizer: Arc<Authorizer>,
    pub mailbox: Arc<Mailbox>,
    secrets: Arc<dyn SecretStore>,
    transport: Arc<dyn Transport>,
}

impl Composition {
    /// Builds everything on what the store holds. The services call each other through `transport`,
    /// which must lead to [`Self::internal_routers`] before the first call.
    ///
    /// # Errors
    /// When a setting is wrong, or a file or table cannot be used.
    pub async fn build(
        store: &Store,
        sources: &Sources,
        transport: Arc<dyn Transport>,
    ) -> Result<Self, StartError> {
        Self::build_at(store, sources, transport, Arc::new(SystemClock)).await
    }

    /// The same by another clock.
    ///
    /// # Errors
    /// As [`Self::build`]
    pub async fn build_at(
        store: &Store,
        sources: &Sources,
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StartError> {
        let secrets: Arc<dyn SecretStore> = Arc::new(SecretFile::open(store.folder())?);
        let keys: Vec<_> = MODULES.iter().flat_map(|module| module.config).copied().collect();
        let sources = &sources.clone().with_secrets(&keys, &*secrets).await?;
        let mailbox = Arc::new(Mailbox::open(store.folder(), clock.clone())?);
        let limiter = TableLimiter::new(store.shared_table(LIMITS_TABLE).await?, clock.clone());
        let parts = Parts {
            store,
            sources,
            mailbox: mailbox.clone(),
            clock: clock.clone(),
            cursors: Cursors::new(platform_key(&*secrets, "cursors").await?),
            idempotency_key: platform_key(&*secrets, "idempotency").await?,
            refresh_key: platform_key(&*secrets, "refresh").await?,
            federation_key: platform_key(&*secrets, "federation").await?,
            factor_key: platform_key(&*secrets, "factors").await?,
            link_key: platform_key(&*secrets, "links").await?,
            limits: Limits::new(Rules::read(sources)?, Arc::new(limiter)),
            secrets: secrets.clone(),
            transport: transport.clone(),
        };
        let modules = parts.modules().await?;
        let ports = authorizer::Ports {
            sessions: parts.client("auth"),
            authz: parts.client("authz"),
            clock,
        };
        let authorizer = Arc::new(Authorizer::new(sources, ports)?);
        Ok(Self { modules, authorizer, mailbox, secrets, transport })
    }

    /// The platform's OpenAPI document. Its server is wherever it was fetched from.
    pub fn openapi(&self) -> String {
        openapi_of(&self.modules)
    }

    /// Where calls between services arrive.
    pub fn internal_routers(&self) -> HashMap<&'static str, Router> {
        self.modules.iter().map(|module| (module.name, module.internal_router())).collect()
    }

    /// Makes the first accounts, once: what becomes of them later is their owners' business.
    ///
    /// # Errors
    /// When a service refuses, or their passwords cannot be kept.
    pub async fn seed(&self, sources: &Sources) -> Result<Credentials, StartError> {
        let credentials = Credentials::load_or_make(&*self.secrets, sources).await?;
        if self.secrets.get(SEEDED).await?.is_some() {
            return Ok(credentials);
        }
        let seeder = Seeder {
            tenants: client(&self.transport, "tenant"),
            identities: client(&self.transport, "identity"),
            authz: client(&self.transport, "authz"),
        };
        tokio::try_join!(
            seeder.seed_operator(&credentials.operator),
            seeder.seed_demo(&credentials.demo),
        )?;
        self.secrets.put(SEEDED, &Secret::new("true")).await?;
        Ok(credentials)
    }

    /// Who hears of what: as the manifests say, and the authorizer, which forgets what has changed.
    pub fn subscriptions(&self) -> Vec<Subscription> {
        let declared = self.modules.iter().filter_map(|module| {
            let spec = MODULES.iter().find(|spec| spec.name == module.name)?;
            let consumer = module.consumer.clone()?;
            Some(Subscription { module: module.name, patterns: spec.consumes, consumer })
        });
        let forgetting = Subscription {
            module: "authorizer",
            patterns: authorizer::FORGET_ON,
            consumer: Arc::new(self.authorizer.forgetting()),
        };
        declared.chain([forgetting]).collect()
    }

    /// What runs by the clock: as the manifests say.
    pub fn schedules(&self) -> Vec<Schedule> {
        let mut schedules = Vec::new();
        for module in &self.modules {
            let spec = generated::module(module.name);
            for schedule in spec.schedules {
                let declared = spec.jobs.iter().find(|job| job.kind == schedule.job);
                let built = module.jobs.iter().find(|job| job.kind() == schedule.job);
                let (declared, job) =
                    declared.zip(built.cloned()).expect("a test compares jobs and manifests");
                let name = format!("{}/{}", module.name, schedule.name);
                let (cron, max_attempts) = (schedule.cron, declared.max_attempts);
                schedules.push(Schedule { name, cron, max_attempts, job });
            }
        }
        schedules
    }
}

/// What modules are built with.
struct Parts<'a> {
    store: &'a Store,
    sources: &'a Sources,
    secrets: Arc<dyn SecretStore>,
    mailbox: Arc<Mailbox>,
    clock: Arc<dyn Clock>,
    cursors: Cursors,
    idempotency_key: Key,
    refresh_key: Key,
    federation_key: Key,
    factor_key: Key,
    link_key: Key,
    limits: Limits,
    transport: Arc<dyn Transport>,
}

impl Parts<'_> {
    async fn table(&self, module: &str) -> Result<Table, StartError> {
        Ok(self.store.table(generated::module(module)).await?)
    }

    async fn idempotency(&self, module: &str) -> Result<Idempotency, StartError> {
        let records = Arc::new(self.table(module).await?);
        Ok(Idempotency::new(records, self.clock.clone(), self.idempotency_key.clone()))
    }

    fn client(&self, service: &'static str) -> Arc<ServiceClient> {
        client(&self.transport, service)
    }

    /// Every module, dependencies first.
    async fn modules(&self) -> Result<Vec<Module>, StartError> {
        let (clock, cursors) = (&self.clock, &self.cursors);
        let audit = audit::module(audit::Ports {
            table: self.table("audit").await?,
            clock: clock.clone(),
            cursors: cursors.clone(),
        });
        let authz = authz::module(
            self.sources,
            authz::Ports {
                table: self.table("authz").await?,
                clock: clock.clone(),
                cursors: cursors.clone(),
                idempotency: self.idempotency("authz").await?,
            },
        )?;
        let tenant = tenant::module(
            self.sources,
            tenant::Ports { table: self.table("tenant").await?, clock: clock.clone() },
        )?;
        let identity = identity::module(
            self.sources,
            identity::Ports {
                table: self.table("identity").await?,
                authz: self.client("authz"),
                audit: self.client("audit"),
                tenants: self.client("tenant"),
                mailer: self.mailbox.clone(),
                clock: clock.clone(),
                cursors: cursors.clone(),
                idempotency: self.idempotency("identity").await?,
                link_key: self.link_key.clone(),
                limits: self.limits.clone(),
            },
        )?;
        let auth = auth::module(
            self.sources,
            auth::Ports {
                table: self.table("auth").await?,
                identities: self.client("identity"),
                authz: self.client("authz"),
                tenants: self.client("tenant"),
                secrets: self.secrets.clone(),
                clock: clock.clone(),
                cursors: cursors.clone(),
                idempotency: self.idempotency("auth").await?,
                refresh_key: self.refresh_key.clone(),
                federation_key: self.federation_key.clone(),
                limits: self.limits.clone(),
                factor_key: self.factor_key.clone(),
            },
        )?;
        let mut modules = vec![audit, authz, tenant, identity, auth];
        let services = generated::module("ops").dependencies.iter();
        let ops = ops::module(
            self.sources,
            ops::Ports {
                services: services.map(|(name, _)| self.client(name)).collect(),
                clock: clock.clone(),
                openapi: openapi_of(&modules),
            },
        )?;
        modules.push(ops);
        let limited = |module| Module { limits: self.limits.clone(), ..module };
        Ok(modules.into_iter().map(limited).collect())
    }
}

/// The document of these modules and of ops, which may not be among them yet.
fn openapi_of(modules: &[Module]) -> String {
    let others = modules.iter().filter(|module| module.name != "ops").map(Module::document);
    let documents: Vec<ApiDocument> = others.chain([ops::document()]).collect();
    let openapi = openapi::assemble(&documents, ROUTES, "/", env!("CARGO_PKG_VERSION"));
    format!("{openapi:#}\n")
}

fn client(transport: &Arc<dyn Transport>, service: &'static str) -> Arc<ServiceClient> {
    Arc::new(ServiceClient::new(service, transport.clone()))
}

#[cfg(test)]
mod tests {
    use aws::Recorder;
    use embedded::Place;
    use kernel::client::Switchboard;

    use super::*;

    #[tokio::test]
    async fn every_declared_module_is_built_after_those_it_depends_on() {
        let store = Store::open(&Place::Memory, Recorder::default()).await.unwrap();
        let sources = Sources::empty();
        let transport = Arc::new(Switchboard::new());
        let composition = Composition::build(&store, &sources, transport).await.unwrap();
        let mut built = vec![];
        for module in &composition.modules {
            let spec = generated::module(module.name);
            for (dependency, _) in spec.dependencies {
                assert!(built.contains(dependency), "{} before {dependency}", module.name);
            }
            assert_eq!(module.version, spec.version);
            let jobs = |kinds: &mut dyn Iterator<Item = &'static str>| {
                kinds.collect::<std::collections::BTreeSet<_>>()
            };
            let declared = jobs(&mut spec.jobs.iter().map(|job| job.kind));
            assert_eq!(jobs(&mut module.jobs.iter().map(|job| job.kind())), declared);
            built.push(module.name);
        }
        // The authorizer is no service: it stands in front of them.
        let services =
            MODULES.iter().map(|module| module.name).filter(|name| *name != "authorizer");
        assert_eq!(services.filter(|name| !built.contains(name)).count(), 0);
    }
}
