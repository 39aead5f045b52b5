use contracts::identity::UserStatus;
use jiff::Timestamp;
use kernel::{
    page::Limit,
    problem::Problem,
    validate::{Invalid, Violations, at_most, text},
};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::{service::ListUsers, store::UserFilter, user::search_term};

/// Longest search text and role name, in code points.
const MAX_TEXT: usize = 100;
/// Longest search text in bytes, which is checked before it is folded.
const MAX_SEARCH_BYTES: usize = 254;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListUsersQuery {
    #[serde(default)]
    #[param(value_type = u32, minimum = 1, maximum = 100, default = 20, required = false)]
    limit: Limit,
    /// `next_cursor` of the page before, with the same filters.
    cursor: Option<String>,
    /// How the e-mail address, the first or the last name begins, whatever the case.
    #[param(max_length = 100, example = "ada")]
    q: Option<String>,
    #[param(inline)]
    status: Option<ListedStatus>,
    /// The name of a role that the users have.
    #[param(min_length = 1, max_length = 100, example = "admin")]
    role: Option<String>,
    /// Created at this time or later.
    #[param(value_type = Option<String>, format = DateTime, example = "2026-01-01T00:00:00Z")]
    created_from: Option<Timestamp>,
    /// Created at this time or earlier.
    #[param(value_type = Option<String>, format = DateTime, example = "2026-12-31T23:59:59Z")]
    created_to: Option<Timestamp>,
}

/// The states of users that are listed.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ListedStatus {
    Pending,
    Active,
    Suspended,
}

impl From<ListedStatus> for UserStatus {
    fn from(status: ListedStatus) -> Self {
        match status {
            ListedStatus::Pending => Self::Pending,
            ListedStatus::Active => Self::Active,
            ListedStatus::Suspended => Self::Suspended,
        }
    }
}

impl ListUsersQuery {
    pub fn parse(self) -> Result<ListUsers, Problem> {
        let Self { limit, cursor, q, status, role, created_from, created_to } = self;
        let mut violations = Violations::default();
        let prefix = q.and_then(|q| violations.field("?q", search_text(&q)));
        let role = role.and_then(|role| violations.field("?role", text(&role, 1, MAX_TEXT)));
        let (created_from, created_to) = (created_from.map(storable), created_to.map(storable));
        if created_from.zip(created_to).is_some_and(|(from, to)| from > to) {
            let invalid = Invalid::new("range.invalid", "must not be earlier than `created_from`");
            violations.add("?created_to", invalid);
        }
        violations.finish()?;
        let filter = UserFilter {
            status: status.map(UserStatus::from),
            role,
            created_from,
            created_to,
            prefix: prefix.map(|prefix| search_term(&prefix)).filter(|prefix| !prefix.is_empty()),
        };
        Ok(ListUsers { filter, limit, cursor })
    }
}

fn search_text(q: &str) -> Result<String, Invalid> {
    at_most(q, MAX_SEARCH_BYTES)?;
    text(q, 0, MAX_TEXT)
}

/// The time as precise as times of creation are, and not before the first of them.
fn storable(time: Timestamp) -> Timestamp {
    let millis = time.as_millisecond().max(0);
    Timestamp::from_millisecond(millis).unwrap_or(Timestamp::UNIX_EPOCH)
}
