//! The accounts that a first start makes, kept with the secrets so that later starts can print them.

use contracts::authz::{ADMIN, MEMBER, OWNER, VIEWER};
use kernel::{
    config::Sources,
    id::{TenantId, UserId},
    secret::{Secret, SecretStore, SecretStoreError, encode, random_bytes},
};
use serde::{Deserialize, Serialize};

/// Name in the secret store.
const NAME: &str = "first-accounts";
const OPERATOR_PASSWORD: &str = "PLINTH_OPERATOR_PASSWORD";

/// An account and its password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    pub id: UserId,
    pub email: String,
    pub password: String,
    /// Whether the password was generated, not chosen by somebody.
    #[serde(default)]
    pub is_random: bool,
}

/// The demo tenant and its accounts, one in each system role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Demo {
    pub tenant_id: TenantId,
    pub tenant: String,
    /// The administrator's, which a walk-through needs most.
    pub email: String,
    pub password: String,
    pub users: Vec<Account>,
}

/// What a first start has made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    pub operator: Account,
    pub demo: Demo,
}

impl Credentials {
    /// Those of the first start on this store, or new ones. Passwords are random unless the environment
    /// gives the operator's.
    ///
    /// # Errors
    /// When the store fails, or holds something else under the name.
    pub async fn load_or_make(
        store: &dyn SecretStore,
        sources: &Sources,
    ) -> Result<Self, SecretStoreError> {
        let unreadable = |error: serde_json::Error| SecretStoreError(format!("{NAME}: {error}"));
        if let Some(text) = store.get(NAME).await? {
            return serde_json::from_str(text.expose()).map_err(unreadable);
        }
        let made = Self::make(sources);
        let text = serde_json::to_string(&made).map_err(unreadable)?;
        store.put(NAME, &Secret::new(text)).await?;
        Ok(made)
    }

    fn make(sources: &Sources) -> Self {
        let given = |name, otherwise: &dyn Fn() -> String| {
            sources.variable(name).map_or_else(otherwise, ToOwned::to_owned)
        };
        let operator = Account {
            role: None,
            id: UserId::new(),
            email: given("PLINTH_OPERATOR_EMAIL", &|| "operator@plinth.local".to_owned()),
            password: given(OPERATOR_PASSWORD, &random_password),
            is_random: sources.variable(OPERATOR_PASSWORD).is_none(),
        };
        let users: Vec<_> = [OWNER, ADMIN, MEMBER, VIEWER]
            .iter()
            .map(|role| Account {
                role: Some(role.name.to_owned()),
                id: UserId::new(),
                email: format!("{}@demo.local", role.name),
                password: random_password(),
                is_random: true,
            })
            .collect();
        let admin = &users[1];
        let demo = Demo {
            tenant_id: TenantId::new(),
            tenant: "demo".to_owned(),
            email: admin.email.clone(),
            password: admin.password.clone(),
            users,
        };
        Self { operator, demo }
    }
}

/// 144 random bits as 24 characters.
fn random_password() -> String {
    encode(&random_bytes::<18>())
}
