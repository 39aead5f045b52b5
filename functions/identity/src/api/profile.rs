use kernel::{
    problem::Problem,
    validate::{Invalid, Violations},
};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::profile::{AvatarUrl, Name, Patch, ProfileChange, Username};

/// What changes in a profile; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateUser {
    #[serde(default)]
    #[schema(
        value_type = String, required = false, min_length = 1, max_length = 100, example = "Ada"
    )]
    first_name: Patch<String>,
    /// `null` empties it.
    #[serde(default)]
    #[schema(value_type = Option<String>, required = false, max_length = 100, example = "Lovelace")]
    last_name: Patch<String>,
    /// Unique within the tenant; `null` removes it.
    #[serde(default)]
    #[schema(
        value_type = Option<String>, required = false,
        min_length = 3, max_length = 32, pattern = "^[a-z0-9._-]+$", example = "ada"
    )]
    username: Patch<String>,
    /// An https URL; `null` removes it.
    #[serde(default)]
    #[schema(
        value_type = Option<String>, required = false,
        pattern = "^https://", max_length = 2048, example = "https://example.org/ada.png"
    )]
    avatar_url: Patch<String>,
}

impl UpdateUser {
    pub fn parse(self) -> Result<ProfileChange, Problem> {
        let Self { first_name, last_name, username, avatar_url } = self;
        let mut violations = Violations::default();
        let first_name =
            violations.field("/first_name", first_name.parse(|text| Name::first(&text)));
        let last_name = violations.field("/last_name", last_name.parse(|text| Name::last(&text)));
        if first_name == Some(Patch::Clear) {
            violations.add("/first_name", Invalid::new("field.required", "must not be null"));
        }
        let username = violations.field("/username", username.parse(|text| Username::parse(&text)));
        let avatar_url =
            violations.field("/avatar_url", avatar_url.parse(|text| AvatarUrl::parse(&text)));
        violations.finish()?;
        let ((first_name, last_name), (username, avatar_url)) = first_name
            .zip(last_name)
            .zip(username.zip(avatar_url))
            .expect("what is missing is a violation");
        Ok(ProfileChange { first_name, last_name, username, avatar_url })
    }
}
