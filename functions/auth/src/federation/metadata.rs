//! Where a provider's endpoints are.

use kernel::outgoing::{Reach, Url};
use serde::Deserialize;

use super::{
    provider::{Issuer, Preset, Provider},
    refusal::Refusal,
};

/// A provider's endpoints, each checked to be one that may be asked.
#[derive(Debug, Clone)]
pub struct Endpoints {
    pub issuer: String,
    pub authorization: Url,
    pub token: Url,
    /// Whether the client's secret goes into the body of a token request, not into its header.
    pub wants_secret_in_body: bool,
    /// Whether answers to the browser name their issuer (RFC 9207).
    pub announces_issuer: bool,
    pub profile: ProfileSource,
}

/// Where a provider says who somebody is.
#[derive(Debug, Clone)]
pub enum ProfileSource {
    OpenId { keys: Url, userinfo: Option<Url> },
    Github { user: Url, emails: Url },
}

/// An OpenID provider's metadata (OpenID Connect Discovery 1.0, section 3; RFC 8414).
#[derive(Debug, Deserialize)]
pub struct Document {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    userinfo_endpoint: Option<String>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

impl Endpoints {
    /// Where the document with the others is; `None` for a provider that has none.
    pub fn discovery(provider: &Provider) -> Option<String> {
        (provider.preset != Preset::Github)
            .then(|| provider.issuer.at("/.well-known/openid-configuration"))
    }

    /// Out of an OpenID provider's document, which must be about the issuer that was asked for
    /// (OpenID Connect Discovery 1.0, section 4.3): else one provider could speak for another.
    pub fn of_document(document: Document, issuer: &Issuer, reach: Reach) -> Result<Self, Refusal> {
        if document.issuer != issuer.as_str() {
            return Err(Refusal::unavailable("its metadata names another issuer"));
        }
        let parse = |text: &str| endpoint(text, reach);
        // The default is the header (OpenID Connect Discovery 1.0, section 3).
        let methods = document.token_endpoint_auth_methods_supported;
        let wants_secret_in_body = methods.is_some_and(|methods| {
            let knows = |method: &str| methods.iter().any(|known| known == method);
            knows("client_secret_post") && !knows("client_secret_basic")
        });
        Ok(Self {
            issuer: document.issuer,
            authorization: parse(&document.authorization_endpoint)?,
            token: parse(&document.token_endpoint)?,
            wants_secret_in_body,
            announces_issuer: document.authorization_response_iss_parameter_supported,
            profile: ProfileSource::OpenId {
                keys: parse(&document.jwks_uri)?,
                userinfo: document.userinfo_endpoint.as_deref().map(parse).transpose()?,
            },
        })
    }

    /// GitHub's, which are documented and nowhere announced. A GitHub Enterprise Server has its API below
    /// its own address.
    pub fn of_github(issuer: &Issuer, reach: Reach) -> Result<Self, Refusal> {
        let api = match issuer.as_str().trim_end_matches('/') {
            "https://github.com" => "https://api.github.com".to_owned(),
            _ => issuer.at("/api/v3"),
        };
        let parse = |text: String| endpoint(&text, reach);
        Ok(Self {
            issuer: issuer.as_str().to_owned(),
            authorization: parse(issuer.at("/login/oauth/authorize"))?,
            token: parse(issuer.at("/login/oauth/access_token"))?,
            wants_secret_in_body: true,
            announces_issuer: false,
            profile: ProfileSource::Github {
                user: parse(format!("{api}/user"))?,
                emails: parse(format!("{api}/user/emails"))?,
            },
        })
    }
}

fn endpoint(text: &str, reach: Reach) -> Result<Url, Refusal> {
    let url = Url::parse(text).map_err(|_| Refusal::unavailable("an endpoint is no address"))?;
    reach.check(&url).map_err(Refusal::unavailable)?;
    Ok(url)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(change: impl FnOnce(&mut Value)) -> Result<Endpoints, Refusal> {
        let mut document = json!({
            "issuer": "https://idp.example.org",
            "authorization_endpoint": "https://idp.example.org/authorize?kind=x",
            "token_endpoint": "https://idp.example.org/token",
            "jwks_uri": "https://keys.example.org/jwks",
        });
        change(&mut document);
        let issuer = Issuer::parse("https://idp.example.org", Reach::default()).unwrap();
        Endpoints::of_document(serde_json::from_value(document).unwrap(), &issuer, Reach::default())
    }

    #[test]
    fn metadata_of_another_issuer_is_not_taken() {
        assert!(read(|_| ()).is_ok());
        for issuer in ["https://idp.example.org/", "https://evil.example.org"] {
            assert!(read(|document| document["issuer"] = json!(issuer)).is_err(), "{issuer}");
        }
    }

    #[test]
    fn endpoints_inside_or_without_tls_are_not_taken() {
        for field in ["authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint"] {
            for url in ["http://idp.example.org", "https://10.0.0.1", "javascript:alert(1)", ""] {
                assert!(read(|document| document[field] = json!(url)).is_err(), "{field}: {url}");
            }
        }
    }

    #[test]
    fn the_secret_goes_where_the_provider_wants_it() {
        let in_body = |methods: Value| {
            let set = |document: &mut Value| {
                document["token_endpoint_auth_methods_supported"] = methods;
            };
            read(set).unwrap().wants_secret_in_body
        };
        assert!(in_body(json!(["client_secret_post"])));
        assert!(!in_body(json!(["client_secret_post", "client_secret_basic"])));
        assert!(!in_body(Value::Null));
    }

    #[test]
    fn githubs_endpoints_follow_from_its_address() {
        let user = |issuer| {
            let issuer = Issuer::parse(issuer, Reach::default()).unwrap();
            match Endpoints::of_github(&issuer, Reach::default()).unwrap().profile {
                ProfileSource::Github { user, .. } => user.to_string(),
                ProfileSource::OpenId { .. } => panic!("GitHub is no OpenID provider"),
            }
        };
        assert_eq!(user("https://github.com"), "https://api.github.com/user");
        assert_eq!(user("https://git.example.org/"), "https://git.example.org/api/v3/user");
    }
}
