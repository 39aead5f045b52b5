use kernel::{problem::Problem, secret::Secret, validate::Violations};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    email::Email,
    password::Policy,
    profile::{AvatarUrl, Name, Profile, Username},
    service::NewAccount,
};

/// A new user of the caller's tenant.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateUser {
    #[schema(format = Email, min_length = 5, max_length = 254, example = "grace@example.org")]
    email: String,
    /// Absent when the person is to choose one by a password reset.
    #[serde(default)]
    #[schema(
        value_type = Option<String>, format = Password, min_length = 15, max_length = 128,
        example = "nine lives of a cobol cat"
    )]
    password: Option<Secret>,
    #[schema(min_length = 1, max_length = 100, example = "Grace")]
    first_name: String,
    #[serde(default)]
    #[schema(max_length = 100, example = "Hopper")]
    last_name: String,
    /// Unique within the tenant.
    #[serde(default)]
    #[schema(min_length = 3, max_length = 32, pattern = "^[a-z0-9._-]+$", example = "grace")]
    username: Option<String>,
    /// An https URL.
    #[serde(default)]
    #[schema(pattern = "^https://", max_length = 2048, example = "https://example.org/grace.png")]
    avatar_url: Option<String>,
}

impl CreateUser {
    pub fn parse(self, policy: Policy) -> Result<NewAccount, Problem> {
        let Self { email, password, first_name, last_name, username, avatar_url } = self;
        let mut violations = Violations::default();
        let email = violations.field("/email", Email::parse(&email));
        let password = password.and_then(|password| {
            violations.field("/password", policy.check(&password, email.as_ref()))
        });
        let first_name = violations.field("/first_name", Name::first(&first_name));
        let last_name = violations.field("/last_name", Name::last(&last_name));
        let username =
            username.and_then(|text| violations.field("/username", Username::parse(&text)));
        let avatar_url =
            avatar_url.and_then(|text| violations.field("/avatar_url", AvatarUrl::parse(&text)));
        violations.finish()?;
        let (email, (first_name, last_name)) =
            email.zip(first_name.zip(last_name)).expect("what is missing is a violation");
        let profile = Profile { first_name, last_name, username, avatar_url };
        Ok(NewAccount { email, password, profile })
    }
}
