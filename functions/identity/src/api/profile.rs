use kernel::{problem::Problem, validate::Violations};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::profile::{AvatarUrl, Name, Patch, ProfileChange, Username};

/// What changes in a profile; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateUser {
    #[serde(default)]
    #[schema(min_length = 1, max_length = 100, example = "Ada")]
    first_name: Option<String>,
    #[serde(default)]
    #[schema(max_length = 100, example = "Lovelace")]
    last_name: Option<String>,
    /// Unique within the tenant; `null` removes it.
    #[serde(default)]
    #[schema(
        value_type = Option<String>, required = false, nullable = true,
        min_length = 3, max_length = 32, pattern = "^[a-z0-9._-]+$", example = "ada"
    )]
    username: Patch<String>,
    /// An https URL; `null` removes it.
    #[serde(default)]
    #[schema(
        value_type = Option<String>, required = false, nullable = true,
        pattern = "^https://", max_length = 2048, example = "https://example.org/ada.png"
    )]
    avatar_url: Patch<String>,
}

impl UpdateUser {
    pub fn parse(self) -> Result<ProfileChange, Problem> {
        let Self { first_name, last_name, username, avatar_url } = self;
        let mut violations = Violations::default();
        let first_name =
            first_name.and_then(|text| violations.field("/first_name", Name::first(&text)));
        let last_name = last_name.and_then(|text| violations.field("/last_name", Name::last(&text)));
        let username =
            violations.field("/username", username.parse(|text| Username::parse(&text)));
        let avatar_url =
            violations.field("/avatar_url", avatar_url.parse(|text| AvatarUrl::parse(&text)));
        violations.finish()?;
        let (username, avatar_url) =
            username.zip(avatar_url).expect("what is missing is a violation");
        Ok(ProfileChange { first_name, last_name, username, avatar_url })
    }
}
