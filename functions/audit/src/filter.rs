use jiff::Timestamp;
use kernel::validate::{self, Invalid};
use serde::Serialize;

use crate::entry::{MAX_ID_LENGTH, Outcome};

/// Longest action and kind of thing that is searched for.
const MAX_NAME_LENGTH: usize = 100;

/// Which entries are wanted. Each part that is there must match.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Filter {
    pub actor: Option<String>,
    pub action: Option<Action>,
    pub resource: Option<String>,
    pub resource_id: Option<String>,
    pub outcome: Option<Outcome>,
    /// First and last moment of `occurred_at`, both included.
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
}

impl Filter {
    /// What a cursor is bound to.
    pub fn query_name(&self) -> String {
        format!("audit.logs {}", serde_json::to_string(self).expect("a filter serialises"))
    }
}

/// One action, or all that begin alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Action {
    Exact(String),
    Prefix(String),
}

/// `user.created`, or `user.` for all that begin so.
pub fn action(text: &str) -> Result<Action, Invalid> {
    let words = text.strip_suffix('.').unwrap_or(text);
    if text.len() > MAX_NAME_LENGTH || !words.split('.').all(is_name) {
        let detail = "must be an action such as `user.created`, or a prefix such as `user.`";
        return Err(Invalid::new("action.invalid", detail));
    }
    let is_prefix = words.len() < text.len();
    Ok(if is_prefix { Action::Prefix(text.to_owned()) } else { Action::Exact(text.to_owned()) })
}

/// A kind of thing, such as `user`.
pub fn resource(text: &str) -> Result<String, Invalid> {
    if text.len() > MAX_NAME_LENGTH || !is_name(text) {
        return Err(Invalid::new("resource.invalid", "must be a kind of thing such as `user`"));
    }
    Ok(text.to_owned())
}

/// The id of an actor or a thing.
pub fn id(text: &str) -> Result<String, Invalid> {
    validate::text(text, 1, MAX_ID_LENGTH)
}

/// A moment, as RFC 3339 writes it.
pub fn time(text: &str) -> Result<Timestamp, Invalid> {
    text.parse().map_err(|_| {
        Invalid::new("time.invalid", "must be a time such as 2026-03-14T09:26:53Z (RFC 3339)")
    })
}

fn is_name(word: &str) -> bool {
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    !word.is_empty() && word.chars().all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_that_ends_with_a_dot_is_a_prefix() {
        assert_eq!(action("user.created"), Ok(Action::Exact("user.created".to_owned())));
        assert_eq!(action("user."), Ok(Action::Prefix("user.".to_owned())));
        for wrong in ["", ".", "user..", ".user", "User.", "user.*", "user created", "ü."] {
            assert!(action(wrong).is_err(), "{wrong}");
        }
    }
}
