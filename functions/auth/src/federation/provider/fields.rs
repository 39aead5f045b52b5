//! The fields of a provider, and what they may hold.

use std::collections::BTreeSet;

use contracts::authz::OWNER;
use kernel::{
    outgoing::{Reach, Url},
    secret::Secret,
    text::fold,
    validate::{Invalid, text},
};
use serde::{Deserialize, Serialize};

use super::Preset;

/// How many domains, roles or scopes a provider may name.
const MAX_LIST: usize = 50;
/// Longest issuer, client id, scope and domain, in bytes.
const MAX_TEXT: usize = 255;
/// Longest client secret, in bytes. Some are signed tokens.
const MAX_SECRET: usize = 2048;

/// The provider's name in addresses, unique in its tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProviderSlug(String);

impl ProviderSlug {
    /// # Errors
    /// `slug.invalid`.
    pub fn parse(value: &str) -> Result<Self, Invalid> {
        let is_allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let is_slug = (2..=32).contains(&value.len())
            && value.bytes().all(is_allowed)
            && !value.starts_with('-')
            && !value.ends_with('-');
        if is_slug {
            return Ok(Self(value.to_owned()));
        }
        let rule = "must be 2 to 32 of the characters a-z, 0-9 and, inside, hyphen";
        Err(Invalid::new("slug.invalid", rule))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Who a provider says it is, and where it is found. Compared as text (OpenID Connect Discovery 1.0,
/// section 4.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Issuer(String);

impl Issuer {
    /// # Errors
    /// `issuer.invalid`.
    pub fn parse(value: &str, reach: Reach) -> Result<Self, Invalid> {
        let refused = |detail: String| Invalid::new("issuer.invalid", detail);
        let url = Url::parse(value).ok().filter(|url| {
            let is_plain = value.bytes().all(|byte| byte.is_ascii_graphic());
            let is_bare = url.query().is_none() && url.fragment().is_none();
            value.len() <= MAX_TEXT && is_plain && is_bare
        });
        let url = url.ok_or_else(|| {
            let rule = "must be an https URL of at most 255 characters without query and fragment";
            refused(rule.to_owned())
        })?;
        reach.check(&url).map_err(|error| refused(error.to_string()))?;
        Ok(Self(value.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// An address below the issuer.
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.0.trim_end_matches('/'))
    }
}

/// The issuer that was given, or the one that the preset stands for.
///
/// # Errors
/// `issuer.missing`, `issuer.invalid`.
pub fn parse_issuer(given: Option<&str>, preset: Preset, reach: Reach) -> Result<Issuer, Invalid> {
    match given.or_else(|| preset.default_issuer()) {
        Some(issuer) => Issuer::parse(issuer, reach),
        None => Err(Invalid::new("issuer.missing", "is needed with this preset")),
    }
}

/// # Errors
/// `text.too_short`, `text.too_long`, `text.invalid`.
pub fn parse_name(value: &str) -> Result<String, Invalid> {
    text(value, 1, 100)
}

/// # Errors
/// `client_id.invalid`.
pub fn parse_client_id(value: &str) -> Result<String, Invalid> {
    if is_credential(value, MAX_TEXT) {
        return Ok(value.to_owned());
    }
    Err(Invalid::new("client_id.invalid", "must be 1 to 255 printable ASCII characters"))
}

/// # Errors
/// `client_secret.invalid`.
pub fn parse_client_secret(secret: Secret) -> Result<Secret, Invalid> {
    if is_credential(secret.expose(), MAX_SECRET) {
        return Ok(secret);
    }
    Err(Invalid::new("client_secret.invalid", "must be 1 to 2048 printable ASCII characters"))
}

/// The scopes that were given, or those that the preset stands for. An OpenID provider gives no id
/// token without `openid`.
///
/// # Errors
/// `scopes.invalid`.
pub fn parse_scopes(given: Option<Vec<String>>, preset: Preset) -> Result<Vec<String>, Invalid> {
    let defaults = || preset.default_scopes().iter().map(ToString::to_string).collect();
    let scopes: Vec<String> = given.unwrap_or_else(defaults);
    let is_scope = |scope: &String| is_visible(scope, MAX_TEXT) && !scope.contains(['"', '\\']);
    if scopes.len() > MAX_LIST || !scopes.iter().all(is_scope) || !is_distinct(&scopes) {
        let rule = "must be at most 50 different scopes (RFC 6749, section 3.3)";
        return Err(Invalid::new("scopes.invalid", rule));
    }
    if preset != Preset::Github && !scopes.iter().any(|scope| scope == "openid") {
        return Err(Invalid::new("scopes.invalid", "must contain `openid`"));
    }
    Ok(scopes)
}

/// # Errors
/// `domains.invalid`.
pub fn parse_domains(given: &[String]) -> Result<Vec<String>, Invalid> {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    let is_domain = |domain: &String| {
        domain.len() <= MAX_TEXT && domain.contains('.') && domain.split('.').all(is_label)
    };
    let domains: Vec<String> = given.iter().map(|domain| fold(domain)).collect();
    if domains.len() > MAX_LIST || !domains.iter().all(is_domain) || !is_distinct(&domains) {
        let rule = "must be at most 50 different domains such as example.org";
        return Err(Invalid::new("domains.invalid", rule));
    }
    Ok(domains)
}

/// Names or ids of roles. Whether the tenant has them shows when somebody is to get them.
///
/// # Errors
/// `roles.invalid`, `roles.owner`.
pub fn parse_roles(given: Vec<String>) -> Result<Vec<String>, Invalid> {
    let is_role = |role: &String| text(role, 1, 64).is_ok_and(|trimmed| trimmed == *role);
    if given.len() > MAX_LIST || !given.iter().all(is_role) || !is_distinct(&given) {
        let rule = "must be at most 50 different names or ids of roles";
        return Err(Invalid::new("roles.invalid", rule));
    }
    let owner = OWNER.id.to_string();
    if given.iter().any(|role| fold(role) == OWNER.name || role.eq_ignore_ascii_case(&owner)) {
        return Err(Invalid::new("roles.owner", "nobody becomes an owner by signing in"));
    }
    Ok(given)
}

/// RFC 6749, appendix A.1 and A.2, without the spaces around that come from copying.
fn is_credential(text: &str, max: usize) -> bool {
    let is_printable = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
    (1..=max).contains(&text.len()) && text.bytes().all(is_printable) && text.trim() == text
}

fn is_visible(text: &str, max: usize) -> bool {
    (1..=max).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn is_distinct(items: &[String]) -> bool {
    items.iter().collect::<BTreeSet<_>>().len() == items.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_a_bare_https_url() {
        let parse = |text| Issuer::parse(text, Reach::default());
        assert_eq!(
            parse("https://idp.example.org/t/").unwrap().at("/x"),
            "https://idp.example.org/t/x"
        );
        let long = format!("https://example.org/{}", "a".repeat(255));
        for text in [
            "",
            "idp.example.org",
            "http://idp.example.org",
            "https://idp.example.org?x=1",
            "https://idp.example.org#x",
            "https://user@idp.example.org",
            "https://127.0.0.1",
            "https://[::1]",
            "https://169.254.169.254",
            "https://idp example.org",
            "https://idp.example.org/\n",
            "javascript:alert(1)",
            &long,
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn presets_know_their_issuer_and_scopes() {
        let issuer = |preset| parse_issuer(None, preset, Reach::default());
        assert_eq!(issuer(Preset::Google).unwrap().as_str(), "https://accounts.google.com");
        assert_eq!(issuer(Preset::Github).unwrap().as_str(), "https://github.com");
        assert!(issuer(Preset::Generic).is_err() && issuer(Preset::Microsoft).is_err());
        let scopes = |given: &[&str], preset| {
            parse_scopes(Some(given.iter().map(ToString::to_string).collect()), preset)
        };
        assert!(scopes(&["openid", "email"], Preset::Generic).is_ok());
        assert!(scopes(&["email"], Preset::Generic).is_err());
        assert!(scopes(&["read:user"], Preset::Github).is_ok());
        assert!(scopes(&["openid", "openid"], Preset::Generic).is_err());
        assert!(scopes(&["openid", "a b"], Preset::Generic).is_err());
    }

    #[test]
    fn nobody_becomes_an_owner_by_signing_in() {
        let id = OWNER.id.to_string();
        for role in ["owner", "Owner", "ＯＷＮＥＲ", id.as_str(), &id.to_uppercase()] {
            let refused = parse_roles(vec![role.to_owned()]);
            assert_eq!(refused.unwrap_err().code, "roles.owner", "{role}");
        }
        assert!(parse_roles(vec!["viewer".to_owned()]).is_ok());
    }

    #[test]
    fn domains_are_compared_folded_and_whole() {
        let domains = parse_domains(&["Example.ORG".to_owned(), "münchen.de".to_owned()]).unwrap();
        assert_eq!(domains, ["example.org", "münchen.de"]);
        for text in ["", "org", "@example.org", "*.example.org", "a..b", "-a.org", "a b.org"] {
            assert!(parse_domains(&[text.to_owned()]).is_err(), "{text}");
        }
    }

    #[test]
    fn a_slug_has_no_dots() {
        assert!(ProviderSlug::parse("my-idp2").is_ok());
        for text in ["", "a", "A-b", "a.b", "-ab", "ab-", "a/b", "a\0b", &"a".repeat(33)] {
            assert!(ProviderSlug::parse(text).is_err(), "{text:?}");
        }
    }
}
