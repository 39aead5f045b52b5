//! Service clients: machines that act for a tenant, and their secrets.

use jiff::{SignedDuration, Timestamp};
use kernel::{
    id::{ClientId, ClientSecretId, TenantId},
    validate::{Invalid, text},
};
use serde::{Deserialize, Serialize};

use crate::scopes::Scopes;

const MAX_NAME: usize = 100;
const MAX_DESCRIPTION: usize = 500;
/// How long a former secret may go on working.
const MAX_OVERLAP_SECONDS: i64 = 30 * 24 * 3600;

/// A service client. It belongs to its tenant, not to whoever made it, and goes on when they leave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    pub id: ClientId,
    pub tenant_id: TenantId,
    pub name: String,
    pub description: String,
    pub scopes: Scopes,
    pub is_enabled: bool,
    /// The newest first; at most two.
    pub secrets: Vec<ClientSecret>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub version: u64,
    pub deleted_at: Option<Timestamp>,
}

/// What is stored of a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientSecret {
    pub id: ClientSecretId,
    pub fingerprint: String,
    pub created_at: Timestamp,
    /// Of a former one.
    pub expires_at: Option<Timestamp>,
}

/// A client to be made.
#[derive(Debug)]
pub struct NewClient {
    pub name: ClientName,
    pub description: Description,
    pub scopes: Scopes,
}

/// What shall be different about a client.
#[derive(Debug, Default)]
pub struct ClientPatch {
    pub name: Option<ClientName>,
    pub description: Option<Description>,
    pub scopes: Option<Scopes>,
    pub is_enabled: Option<bool>,
}

/// A client's name, for people.
#[derive(Debug, Clone)]
pub struct ClientName(String);

impl ClientName {
    /// # Errors
    /// `text.*`
    pub fn parse(name: &str) -> Result<Self, Invalid> {
        text(name, 1, MAX_NAME).map(Self)
    }
}

/// What a client is for, in words.
#[derive(Debug, Clone)]
pub struct Description(String);

impl Description {
    /// # Errors
    /// `text.too_long`, `text.invalid`
    pub fn parse(description: &str) -> Result<Self, Invalid> {
        text(description, 0, MAX_DESCRIPTION).map(Self)
    }
}

/// How long the former secret goes on working beside a new one.
#[derive(Debug, Clone, Copy)]
pub struct Overlap(SignedDuration);

impl Overlap {
    /// # Errors
    /// `overlap.out_of_range`
    pub fn parse(seconds: i64) -> Result<Self, Invalid> {
        if (0..=MAX_OVERLAP_SECONDS).contains(&seconds) {
            Ok(Self(SignedDuration::from_secs(seconds)))
        } else {
            let detail = format!("must be a number from 0 to {MAX_OVERLAP_SECONDS}");
            Err(Invalid::new("overlap.out_of_range", detail))
        }
    }
}

impl Client {
    /// A client with its first secret.
    pub fn new(
        id: ClientId,
        tenant_id: TenantId,
        new: NewClient,
        fingerprint: String,
        now: Timestamp,
    ) -> Self {
        let NewClient { name, description, scopes } = new;
        Self {
            id,
            tenant_id,
            name: name.0,
            description: description.0,
            scopes,
            is_enabled: true,
            secrets: vec![ClientSecret::new(fingerprint, now)],
            created_at: now,
            updated_at: now,
            version: 1,
            deleted_at: None,
        }
    }

    /// The client after the patch, and the names of the fields that differ; `None` when nothing does.
    pub fn patched(&self, patch: ClientPatch, now: Timestamp) -> Option<(Self, Vec<String>)> {
        let ClientPatch { name, description, scopes, is_enabled } = patch;
        let mut client = self.next_version(now);
        let mut changed = Vec::new();
        let mut note = |is_different: bool, field: &str| {
            if is_different {
                changed.push(field.to_owned());
            }
        };
        if let Some(ClientName(name)) = name {
            note(name != self.name, "name");
            client.name = name;
        }
        if let Some(Description(description)) = description {
            note(description != self.description, "description");
            client.description = description;
        }
        if let Some(scopes) = scopes {
            note(scopes != self.scopes, "scopes");
            client.scopes = scopes;
        }
        if let Some(is_enabled) = is_enabled {
            note(is_enabled != self.is_enabled, "is_enabled");
            client.is_enabled = is_enabled;
        }
        (!changed.is_empty()).then_some((client, changed))
    }

    /// The client with a new secret. The newest one so far goes on for the overlap; any older ends now.
    pub fn with_secret(&self, fingerprint: String, overlap: Overlap, now: Timestamp) -> Self {
        let mut client = self.next_version(now);
        let former = self.living_secrets(now).next().map(|former| {
            let until = now.saturating_add(overlap.0).unwrap_or(now);
            let expires_at = Some(former.expires_at.map_or(until, |end| end.min(until)));
            ClientSecret { expires_at, ..former.clone() }
        });
        let former = former.filter(|former| former.is_alive(now));
        client.secrets = [ClientSecret::new(fingerprint, now)].into_iter().chain(former).collect();
        client
    }

    pub fn deleted(&self, now: Timestamp) -> Self {
        Self { deleted_at: Some(now), ..self.next_version(now) }
    }

    /// The secrets that work now, the newest first.
    pub fn living_secrets(&self, now: Timestamp) -> impl Iterator<Item = &ClientSecret> {
        self.secrets.iter().filter(move |secret| secret.is_alive(now))
    }

    /// The secret with this fingerprint, if the client may sign in with it now.
    pub fn admit(&self, fingerprint: &str, now: Timestamp) -> Option<&ClientSecret> {
        let is_known = |secret: &&ClientSecret| {
            kernel::secret::equal(secret.fingerprint.as_bytes(), fingerprint.as_bytes())
        };
        self.living_secrets(now).find(is_known).filter(|_| self.is_active())
    }

    /// Whether a token that was issued for the secret still counts.
    pub fn vouches_for(&self, secret: ClientSecretId, now: Timestamp) -> bool {
        self.is_active() && self.living_secrets(now).any(|living| living.id == secret)
    }

    fn is_active(&self) -> bool {
        self.is_enabled && self.deleted_at.is_none()
    }

    fn next_version(&self, now: Timestamp) -> Self {
        Self { version: self.version + 1, updated_at: now, ..self.clone() }
    }
}

impl ClientSecret {
    fn new(fingerprint: String, now: Timestamp) -> Self {
        Self { id: ClientSecretId::new(), fingerprint, created_at: now, expires_at: None }
    }

    fn is_alive(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn client() -> Client {
        let new = NewClient {
            name: ClientName::parse("Importer").unwrap(),
            description: Description::parse("").unwrap(),
            scopes: Scopes::new(),
        };
        Client::new(ClientId::new(), TenantId::new(), new, "a".to_owned(), at(0))
    }

    fn rotated(client: &Client, fingerprint: &str, overlap: i64, now: i64) -> Client {
        client.with_secret(fingerprint.to_owned(), Overlap::parse(overlap).unwrap(), at(now))
    }

    fn admitted(client: &Client, now: i64) -> Vec<&'static str> {
        ["a", "b", "c"].into_iter().filter(|f| client.admit(f, at(now)).is_some()).collect()
    }

    #[test]
    fn a_former_secret_works_for_the_overlap_and_two_at_most_live() {
        let client = rotated(&client(), "b", 60, 100);
        assert_eq!(admitted(&client, 159), ["a", "b"]);
        assert_eq!(admitted(&client, 160), ["b"]);
        let third = rotated(&client, "c", 60, 120);
        assert_eq!(admitted(&third, 120), ["b", "c"], "the first ends when a third comes");
        let at_once = rotated(&client, "c", 0, 120);
        assert_eq!(admitted(&at_once, 120), ["c"]);
    }

    #[test]
    fn a_disabled_or_deleted_client_is_not_admitted_and_its_tokens_do_not_count() {
        let client = client();
        let secret = client.secrets[0].id;
        assert!(client.vouches_for(secret, at(1)));
        assert!(!client.vouches_for(ClientSecretId::new(), at(1)));
        let disabled = Client { is_enabled: false, ..client.clone() };
        let deleted = Client { deleted_at: Some(at(1)), ..client };
        for gone in [disabled, deleted] {
            assert!(admitted(&gone, 1).is_empty());
            assert!(!gone.vouches_for(secret, at(1)));
        }
    }

    #[test]
    fn a_patch_that_changes_nothing_makes_no_version() {
        let client = client();
        let same = ClientPatch { name: ClientName::parse("Importer").ok(), ..Default::default() };
        assert!(client.patched(same, at(1)).is_none());
        let other = ClientPatch { is_enabled: Some(false), ..Default::default() };
        let (changed, fields) = client.patched(other, at(1)).unwrap();
        assert_eq!((changed.version, fields), (2, vec!["is_enabled".to_owned()]));
    }
}
