use std::sync::Arc;

use contracts::{
    events::LoginFailure,
    tenant::{TenantStatus, TenantView},
};
use kernel::{
    caller::Tenant,
    clock::Clock,
    origin::Origin,
    outgoing::{Reach, Url},
    remembered::{Memory, Remembered},
    secret::{Key, Secret},
};

use super::{Service, SignedIn, admission::Proven};
use crate::{
    authentication::Authentication,
    error::Error,
    federation::{
        attempt::{Attempt, Attempts, Secrets, callback_name},
        id_token::Flaw,
        person::Person,
        provider::{Provider, ProviderSlug},
        refusal::Refusal,
        relying::{Exchange, RelyingParty, authorization_url},
        return_to::{ReturnOrigins, ReturnTo},
        sealing::Sealer,
    },
    store::LostRace,
};

/// How long a tenant is remembered by its slug, and how many are.
const MEMORY: Memory = Memory { seconds: 60, entries: 1000 };
/// Longest slug of a tenant, in bytes. A longer text is not even remembered.
const MAX_TENANT_SLUG: usize = 63;

/// What sign-ins by a tenant's provider work with.
pub struct Federation {
    pub relying: RelyingParty,
    pub attempts: Attempts,
    /// For the providers' client secrets.
    pub sealer: Sealer,
    pub return_origins: ReturnOrigins,
    tenants: Remembered<Option<TenantView>>,
    /// The platform's public address.
    base: String,
}

impl Federation {
    pub fn new(
        key: &Key,
        reach: Reach,
        return_origins: ReturnOrigins,
        base: &str,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            relying: RelyingParty::new(reach, clock.clone()),
            attempts: Attempts::new(&key.derive("attempts")),
            sealer: Sealer::new(key.derive("client-secrets")),
            return_origins,
            tenants: Remembered::new("tenants_by_slug", MEMORY, clock),
            base: base.trim_end_matches('/').to_owned(),
        }
    }

    /// The address that a provider sends the browser back to.
    pub fn callback_url(&self, tenant: Tenant, slug: &ProviderSlug) -> String {
        let name = callback_name(tenant.id(), slug);
        format!("{}/api/v1/auth/oidc/{name}/callback", self.base)
    }
}

/// A request to sign in by a provider.
#[derive(Debug)]
pub struct BeginFederation {
    pub tenant: String,
    pub provider: String,
    /// Where the browser goes afterwards.
    pub return_to: Option<String>,
    /// What the browser has kept from an earlier one.
    pub browser: Option<Secret>,
}

/// Where the browser goes, and what it has to keep until it comes back.
#[derive(Debug)]
pub struct Begun {
    pub location: Url,
    pub browser: Secret,
}

/// What a browser brings back from a provider.
#[derive(Debug)]
pub struct Callback {
    /// The part of the address that names the provider.
    pub name: String,
    pub state: String,
    pub code: Option<Secret>,
    /// RFC 6749, section 4.1.2.1.
    pub is_error: bool,
    /// RFC 9207.
    pub issuer: Option<String>,
    pub browser: Option<Secret>,
}

/// What came of a sign-in, and where the browser is to hear of it.
#[derive(Debug)]
pub struct Finished {
    pub outcome: Result<SignedIn, Error>,
    pub return_to: Option<ReturnTo>,
}

impl Service {
    /// Begins a sign-in by a provider of a tenant.
    pub async fn begin_federation(
        &self,
        origin: &Origin,
        request: BeginFederation,
    ) -> Result<Begun, Error> {
        let BeginFederation { tenant, provider, return_to, browser } = request;
        let parse = |text: String| self.federation.return_origins.parse(&text);
        let return_to = return_to.map(parse).transpose();
        let return_to = return_to.map_err(|invalid| Error::Invalid(invalid.at("?return_to")))?;
        let slug = ProviderSlug::parse(&provider).map_err(|_| Refusal::ProviderNotFound)?;
        let tenant = self.tenant_to_sign_in_to(origin, tenant).await?;
        let provider = self.store.provider_by_slug(tenant, &slug).await?;
        let provider = enabled(provider)?;

        let Federation { relying, attempts, .. } = &self.federation;
        let endpoints = relying.endpoints(&provider).await.inspect_err(note)?;
        let now = self.clock.now();
        let begun = attempts.begin(tenant.id(), &provider, return_to, browser, now);
        let redirect_uri = self.federation.callback_url(tenant, &provider.slug);
        let (state, secrets) = (&begun.state, &begun.secrets);
        let location = authorization_url(&endpoints, &provider, state, secrets, &redirect_uri);
        Ok(Begun { location, browser: begun.browser })
    }

    /// Ends a sign-in by a provider.
    ///
    /// # Errors
    /// When it was not begun in this browser, took too long, has been here before, or comes back to
    /// another provider's address. Everything later is part of what [`Finished`] tells.
    pub async fn finish_federation(
        &self,
        origin: &Origin,
        callback: Callback,
    ) -> Result<Finished, Error> {
        let opened = self.federation.attempts.open(
            &callback.state,
            callback.browser.as_ref(),
            self.clock.now(),
        );
        let (attempt, secrets) = opened.ok_or(Refusal::StateInvalid)?;
        if callback.name != attempt.callback_name() {
            return Err(Refusal::StateInvalid.into());
        }
        // Before anything is asked or exchanged: what comes twice has no effect at all.
        if let Err(LostRace) = self.store.spend_attempt(&attempt).await? {
            return Err(Refusal::StateInvalid.into());
        }
        let outcome = self.sign_in_by_provider(origin, &attempt, &secrets, callback).await;
        Ok(Finished { outcome, return_to: attempt.return_to })
    }

    async fn sign_in_by_provider(
        &self,
        origin: &Origin,
        attempt: &Attempt,
        secrets: &Secrets,
        callback: Callback,
    ) -> Result<SignedIn, Error> {
        // The session begins now: whatever ends sessions while the provider is asked ends this one too.
        let started = self.clock.now();
        // Only this service seals states.
        let tenant = Tenant::of_secret(attempt.tenant_id);
        let provider = enabled(self.store.provider(tenant, attempt.provider_id).await?)?;
        let person = self.identify(tenant, &provider, secrets, callback).await;
        let account = match person {
            Ok(person) => self.account_of(origin, tenant, &provider, &person).await,
            Err(refusal) => Err(refusal.into()),
        };
        let counter = self.counters(origin, &attempt.callback_name()).client;
        match account {
            Ok(user) => {
                let proven = Proven {
                    user,
                    authentication: Authentication::by_provider(self.clock.now()),
                    password_version: None,
                    started,
                };
                self.admit_proven(origin, proven, &counter).await
            }
            Err(Error::Federation(refusal)) => {
                note(&refusal);
                if refusal.is_failed_sign_in() {
                    let reason = LoginFailure::Federation;
                    let tenant = Some(tenant.id());
                    self.note_failure(origin, &counter, tenant, None, reason).await?;
                }
                Err(refusal.into())
            }
            Err(error) => Err(error),
        }
    }

    /// Finds out whom the provider has signed in.
    async fn identify(
        &self,
        tenant: Tenant,
        provider: &Provider,
        secrets: &Secrets,
        callback: Callback,
    ) -> Result<Person, Refusal> {
        let relying = &self.federation.relying;
        let endpoints = relying.endpoints(provider).await?;
        // Before the code goes anywhere (RFC 9207, section 2.4).
        match &callback.issuer {
            Some(issuer) if *issuer != endpoints.issuer => return Err(Flaw::ResponseIssuer.into()),
            None if endpoints.announces_issuer => return Err(Flaw::ResponseIssuer.into()),
            _ => {}
        }
        let code = callback.code.filter(|_| !callback.is_error).ok_or(Refusal::Denied)?;
        let client_secret = match &provider.settings.client_secret {
            Some(sealed) => Some(self.open_client_secret(tenant, provider.id, sealed)?),
            None => None,
        };
        let redirect_uri = self.federation.callback_url(tenant, &provider.slug);
        let exchange =
            Exchange { provider, client_secret, code: &code, secrets, redirect_uri: &redirect_uri };
        relying.identify(&exchange).await
    }

    /// A tenant by its slug, if people may sign in to it. Which tenants there are is nobody's business: of
    /// an unknown one the answer is that of one without the provider.
    async fn tenant_to_sign_in_to(&self, origin: &Origin, slug: String) -> Result<Tenant, Error> {
        if slug.len() > MAX_TENANT_SLUG {
            return Err(Refusal::ProviderNotFound.into());
        }
        let find = async || self.tenants.find_by_slug(origin, &slug).await;
        let found = self.federation.tenants.get(slug.clone(), find).await;
        let found = found.map_err(|error| Error::Unavailable(error.to_string()))?;
        let active = found.filter(|tenant| tenant.status == TenantStatus::Active);
        let tenant = active.ok_or(Refusal::ProviderNotFound)?;
        Ok(Tenant::of_address(tenant.id))
    }
}

fn enabled(provider: Option<Provider>) -> Result<Provider, Refusal> {
    provider.filter(|provider| provider.settings.is_enabled).ok_or(Refusal::ProviderNotFound)
}

/// For whoever has set the provider up: the person who signs in is not told.
fn note(refusal: &Refusal) {
    tracing::info!(%refusal, "a sign-in by a provider was refused");
}
