//! What we say to a provider, and how its answers are read.

use std::sync::Arc;

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, header};
use kernel::{
    clock::Clock,
    outgoing::{Outgoing, Reach, Url},
    remembered::{Memory, Remembered},
    secret::{Secret, fingerprint},
};
use serde::{Deserialize, de::DeserializeOwned};

use super::{
    attempt::Secrets,
    github,
    id_token::{self, Expected, Flaw},
    keys::KeySets,
    metadata::{Endpoints, ProfileSource},
    person::{Claims, Person},
    provider::Provider,
    refusal::Refusal,
    sealing::Sealed,
};

/// How long a provider's endpoints are remembered, and of how many.
const MEMORY: Memory = Memory { seconds: 600, entries: 1000 };

/// The client of all providers.
pub struct RelyingParty {
    web: Outgoing,
    endpoints: Remembered<Arc<Endpoints>>,
    keys: KeySets,
    clock: Arc<dyn Clock>,
}

/// What a code is exchanged with.
#[derive(Debug)]
pub struct Exchange<'a> {
    pub provider: &'a Provider,
    pub client_secret: Option<Secret>,
    pub code: &'a Secret,
    pub secrets: &'a Secrets,
    pub redirect_uri: &'a str,
}

/// RFC 6749, section 5.1.
#[derive(Debug, Deserialize)]
struct Tokens {
    access_token: Secret,
    token_type: String,
    id_token: Option<Secret>,
}

/// RFC 6749, section 5.2.
#[derive(Debug, Deserialize)]
struct TokenError {
    error: String,
}

impl RelyingParty {
    pub fn new(reach: Reach, clock: Arc<dyn Clock>) -> Self {
        Self {
            web: Outgoing::new(reach),
            endpoints: Remembered::new("federation_endpoints", MEMORY, clock.clone()),
            keys: KeySets::new(clock.clone()),
            clock,
        }
    }

    pub fn reach(&self) -> Reach {
        self.web.reach()
    }

    /// Where the provider's endpoints are.
    pub async fn endpoints(&self, provider: &Provider) -> Result<Arc<Endpoints>, Refusal> {
        let Some(address) = Endpoints::discovery(provider) else {
            return Endpoints::of_github(&provider.issuer, self.reach()).map(Arc::new);
        };
        let read = async || {
            let document = self.read(get(&address)?).await?;
            let endpoints = Endpoints::of_document(document, &provider.issuer, self.reach())?;
            Ok::<_, Refusal>(Arc::new(endpoints))
        };
        let outcome = self.endpoints.get(address.clone(), read).await;
        outcome.map_err(|refusal| Refusal::shared(&refusal))
    }

    /// Exchanges the code, and finds out whom it stands for.
    pub async fn identify(&self, exchange: &Exchange<'_>) -> Result<Person, Refusal> {
        let endpoints = self.endpoints(exchange.provider).await?;
        let tokens = self.exchange(&endpoints, exchange).await?;
        match &endpoints.profile {
            ProfileSource::OpenId { keys, userinfo } => {
                let claims = self.check_id_token(&endpoints, keys, exchange, &tokens).await?;
                let preset = exchange.provider.preset;
                let more = match userinfo {
                    Some(url) if claims.proven_email(preset).is_none() => {
                        Some(self.userinfo(url, &tokens.access_token, &claims.sub).await?)
                    }
                    _ => None,
                };
                Ok(claims.into_person(preset, more.as_ref()))
            }
            ProfileSource::Github { user, emails } => {
                let token = &tokens.access_token;
                let (user, emails) = tokio::try_join!(
                    self.read::<github::User>(with_token(user, token)?),
                    self.read::<Vec<github::Email>>(with_token(emails, token)?),
                )?;
                Ok(github::person(&user, emails))
            }
        }
    }

    async fn exchange(
        &self,
        endpoints: &Endpoints,
        exchange: &Exchange<'_>,
    ) -> Result<Tokens, Refusal> {
        let request = token_request(endpoints, exchange)?;
        let answer = self.web.send(request).await.map_err(Refusal::unavailable)?;
        // GitHub answers errors with 200.
        if let Ok(TokenError { error }) = serde_json::from_slice(answer.body()) {
            // Unknown, expired, used, or somebody else's; else it is the client that is wrong.
            return Err(match error.as_str() {
                "invalid_grant" | "bad_verification_code" => Flaw::Code.into(),
                _ => Refusal::unavailable("its token endpoint refuses the client"),
            });
        }
        let tokens: Tokens = serde_json::from_slice(answer.body()).map_err(|_| {
            Refusal::Unavailable(format!("its token endpoint says {}", answer.status()))
        })?;
        if tokens.token_type.eq_ignore_ascii_case("bearer") {
            Ok(tokens)
        } else {
            Err(Refusal::unavailable("its tokens are not of the type bearer"))
        }
    }

    /// Checks the id token; once more with new keys, when it names one that is not known.
    async fn check_id_token(
        &self,
        endpoints: &Endpoints,
        keys: &Url,
        exchange: &Exchange<'_>,
        tokens: &Tokens,
    ) -> Result<Claims, Refusal> {
        let token = tokens.id_token.as_ref().ok_or(Flaw::Missing)?;
        let expected = Expected {
            issuer: &endpoints.issuer,
            client_id: &exchange.provider.settings.client_id,
            nonce: &exchange.secrets.nonce,
            access_token: &tokens.access_token,
            now: self.clock.now(),
        };
        let read = async || self.read(get(keys.as_str())?).await;
        let known = self.keys.get(keys, read).await?;
        match id_token::check(token, &known.keys, &expected) {
            Err(Flaw::UnknownKey) => {
                let fresh = self.keys.renew(keys, &known, read).await?.ok_or(Flaw::UnknownKey)?;
                Ok(id_token::check(token, &fresh.keys, &expected)?)
            }
            outcome => Ok(outcome?),
        }
    }

    /// What the provider says at its userinfo endpoint. Nothing but the subject ties that answer to the
    /// id token (OpenID Connect Core 1.0, section 5.3.2).
    async fn userinfo(&self, url: &Url, token: &Secret, subject: &str) -> Result<Claims, Refusal> {
        let claims: Claims = self.read(with_token(url, token)?).await?;
        if claims.sub == subject { Ok(claims) } else { Err(Flaw::OtherSubject.into()) }
    }

    async fn read<T: DeserializeOwned>(&self, request: Request<Bytes>) -> Result<T, Refusal> {
        let what = request.uri().path().to_owned();
        let answer = self.web.send(request).await.map_err(Refusal::unavailable)?;
        if answer.status() != StatusCode::OK {
            return Err(Refusal::Unavailable(format!("{what} says {}", answer.status())));
        }
        // What it says instead is not told: it may hold anything.
        serde_json::from_slice(answer.body())
            .map_err(|_| Refusal::Unavailable(format!("{what} does not say what it should")))
    }
}

/// Where the browser asks for a code (RFC 6749, section 4.1.1; RFC 7636, section 4.3).
pub fn authorization_url(
    endpoints: &Endpoints,
    provider: &Provider,
    state: &Sealed,
    secrets: &Secrets,
    redirect_uri: &str,
) -> Url {
    let mut url = endpoints.authorization.clone();
    // The same transformation: SHA-256 in base64url.
    let challenge = fingerprint(secrets.code_verifier.expose());
    url.query_pairs_mut()
        .append_pair("response_type", "code")
        .append_pair("client_id", &provider.settings.client_id)
        .append_pair("redirect_uri", redirect_uri)
        .append_pair("scope", &provider.settings.scopes.join(" "))
        .append_pair("state", state.as_str())
        .append_pair("code_challenge", &challenge)
        .append_pair("code_challenge_method", "S256");
    if matches!(endpoints.profile, ProfileSource::OpenId { .. }) {
        url.query_pairs_mut().append_pair("nonce", &secrets.nonce);
    }
    url
}

/// RFC 6749, section 4.1.3; RFC 7636, section 4.5.
fn token_request(
    endpoints: &Endpoints,
    exchange: &Exchange<'_>,
) -> Result<Request<Bytes>, Refusal> {
    let client_id = exchange.provider.settings.client_id.as_str();
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "authorization_code")
        .append_pair("code", exchange.code.expose())
        .append_pair("redirect_uri", exchange.redirect_uri)
        .append_pair("code_verifier", exchange.secrets.code_verifier.expose());
    let mut request = Request::post(endpoints.token.as_str())
        .header(header::ACCEPT, "application/json")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    match &exchange.client_secret {
        Some(secret) if endpoints.wants_secret_in_body => {
            form.append_pair("client_id", client_id).append_pair("client_secret", secret.expose());
        }
        Some(secret) => request = request.header(header::AUTHORIZATION, basic(client_id, secret)?),
        None => {
            form.append_pair("client_id", client_id);
        }
    }
    request.body(Bytes::from(form.finish())).map_err(Refusal::unavailable)
}

fn get(address: &str) -> Result<Request<Bytes>, Refusal> {
    let request = Request::get(address).header(header::ACCEPT, "application/json");
    request.body(Bytes::new()).map_err(Refusal::unavailable)
}

fn with_token(url: &Url, token: &Secret) -> Result<Request<Bytes>, Refusal> {
    let mut request = get(url.as_str())?;
    let value = secret_header(&format!("Bearer {}", token.expose()))?;
    request.headers_mut().insert(header::AUTHORIZATION, value);
    Ok(request)
}

/// RFC 6749, section 2.3.1: both parts are form-encoded first.
fn basic(client_id: &str, secret: &Secret) -> Result<HeaderValue, Refusal> {
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = format!("{}:{}", encoded(client_id), encoded(secret.expose()));
    secret_header(&format!("Basic {}", BASE64_STANDARD.encode(pair)))
}

fn secret_header(text: &str) -> Result<HeaderValue, Refusal> {
    let value = HeaderValue::from_str(text);
    let mut value = value.map_err(|_| Refusal::unavailable("a token of its is no text"))?;
    value.set_sensitive(true);
    Ok(value)
}
