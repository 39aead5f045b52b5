use contracts::identity::UserStatus;
use kernel::{
    problem::Violation,
    validate::{Invalid, Violations, text},
};
use serde::Deserialize;

use super::{MAX_LINE, RawLine};
use crate::{
    email::Email,
    hashing::PasswordHash,
    profile::{Name, Profile, Username},
};

/// Most roles of one user.
const MAX_ROLES: usize = 50;
/// Longest name of a role, in code points.
const MAX_ROLE: usize = 100;

/// A user as a line of an import describes it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    email: String,
    first_name: String,
    #[serde(default)]
    last_name: String,
    username: Option<String>,
    password_hash: Option<String>,
    #[serde(default)]
    status: ImportedStatus,
    #[serde(default)]
    roles: Vec<String>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ImportedStatus {
    Pending,
    #[default]
    Active,
    Suspended,
}

/// A user that is to be made.
#[derive(Debug)]
pub struct ImportedUser {
    pub email: Email,
    pub profile: Profile,
    pub password_hash: Option<PasswordHash>,
    pub status: UserStatus,
    pub roles: Vec<String>,
}

impl ImportedUser {
    /// # Errors
    /// Everything that is wrong with the line.
    pub fn parse(line: &RawLine) -> Result<Self, Vec<Violation>> {
        let whole = |code: &str, detail: &str| {
            let (code, detail) = (code.to_owned(), detail.to_owned());
            vec![Violation { pointer: String::new(), code, detail }]
        };
        let Some(text) = &line.text else {
            let rule = format!("must have at most {MAX_LINE} bytes");
            return Err(whole("line.too_long", &rule));
        };
        // Serde would take an array for a struct, field by field.
        let is_object = text.trim_start().starts_with('{');
        let parsed = serde_json::from_str(text).map_err(|error| error.to_string());
        let Line { email, first_name, last_name, username, password_hash, status, roles } = parsed
            .and_then(|line| if is_object { Ok(line) } else { Err("is no object".to_owned()) })
            .map_err(|detail| whole("line.malformed", &detail))?;
        let mut violations = Violations::default();
        let email = violations.field("/email", Email::parse(&email));
        let first_name = violations.field("/first_name", Name::first(&first_name));
        let last_name = violations.field("/last_name", Name::last(&last_name));
        let username =
            username.and_then(|name| violations.field("/username", Username::parse(&name)));
        let password_hash = password_hash
            .and_then(|hash| violations.field("/password_hash", PasswordHash::imported(&hash)));
        if roles.len() > MAX_ROLES {
            let rule = format!("must have at most {MAX_ROLES} items");
            violations.add("/roles", Invalid::new("list.too_long", rule));
        }
        for (index, role) in roles.iter().enumerate().take(MAX_ROLES) {
            violations.field(&format!("/roles/{index}"), text_of_role(role));
        }
        violations.finish().map_err(|problem| problem.violations().to_vec())?;
        let (email, (first_name, last_name)) =
            email.zip(first_name.zip(last_name)).expect("what is missing is a violation");
        let status = match status {
            ImportedStatus::Pending => UserStatus::Pending,
            ImportedStatus::Active => UserStatus::Active,
            ImportedStatus::Suspended => UserStatus::Suspended,
        };
        let profile = Profile { first_name, last_name, username, avatar_url: None };
        Ok(Self { email, profile, password_hash, status, roles })
    }
}

fn text_of_role(role: &str) -> Result<String, Invalid> {
    text(role, 1, MAX_ROLE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(text: &str) -> Vec<(String, String)> {
        let line = RawLine { line: 1, text: Some(text.to_owned()) };
        let violations = ImportedUser::parse(&line).err().unwrap_or_default();
        violations.into_iter().map(|violation| (violation.pointer, violation.code)).collect()
    }

    #[test]
    fn a_line_is_an_object_with_known_fields() {
        assert_eq!(errors(r#"{"email": "ada@example.org", "first_name": "Ada"}"#), []);
        for text in ["x", "[]", r#"["ada@example.org", "Ada"]"#, "{}", r#"{"email": 1}"#, "{"] {
            assert_eq!(errors(text), [(String::new(), "line.malformed".to_owned())], "{text}");
        }
        let unknown = r#"{"email": "ada@example.org", "first_name": "Ada", "password": "x"}"#;
        assert_eq!(errors(unknown)[0].1, "line.malformed");
    }

    #[test]
    fn everything_that_is_wrong_with_a_line_is_named() {
        let line = r#"{"email": "ada", "first_name": "", "username": "A", "password_hash": "x", "roles": [""]}"#;
        let pointers: Vec<_> = errors(line).into_iter().map(|(pointer, _)| pointer).collect();
        assert_eq!(pointers, ["/email", "/first_name", "/username", "/password_hash", "/roles/0"]);
    }
}
