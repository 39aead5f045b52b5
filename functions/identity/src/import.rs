//! Imports: many users at once, as lines of JSON, worked off chunk by chunk.

mod line;

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use kernel::{
    id::{ImportId, UserId},
    problem::Violation,
    validate::Invalid,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use uuid::Builder;

pub use self::line::ImportedUser;

/// Most users in one import.
pub const MAX_USERS: usize = 5_000;
/// How many are worked off at once, by one event.
pub const CHUNK: u32 = 100;
/// Longest line, in bytes.
const MAX_LINE: usize = 2_048;
/// How long an import and its report are kept.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// An import, and how far it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Import {
    pub id: ImportId,
    pub started_by: UserId,
    /// What the person may do who started it: no imported user gets a role that holds more.
    pub permissions: BTreeSet<String>,
    pub total: u32,
    #[serde(default)]
    pub created: u32,
    #[serde(default)]
    pub exists: u32,
    #[serde(default)]
    pub invalid: u32,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

impl Import {
    pub fn new(
        id: ImportId,
        started_by: UserId,
        permissions: BTreeSet<String>,
        total: u32,
        now: Timestamp,
    ) -> Self {
        Self {
            id,
            started_by,
            permissions,
            total,
            created: 0,
            exists: 0,
            invalid: 0,
            created_at: now,
            expires_at: now + KEPT,
        }
    }

    pub fn is_completed(&self) -> bool {
        self.created + self.exists + self.invalid >= self.total
    }

    /// The id of the user at a place, from 0. Always the same, so that a line that is worked off twice
    /// makes one user.
    pub fn user_at(&self, place: u32) -> UserId {
        let mut digest = Sha256::new();
        digest.update(self.id.as_uuid().as_bytes());
        digest.update(place.to_be_bytes());
        let digest = digest.finalize();
        let random: [u8; 10] = std::array::from_fn(|index| digest[index]);
        let millis = u64::try_from(self.created_at.as_millisecond()).unwrap_or_default();
        UserId::from_uuid(Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }
}

/// A line as it was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RawLine {
    /// From 1, as editors count.
    pub line: u32,
    /// `None` when it was too long.
    pub text: Option<String>,
}

/// Some lines of an import.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Chunk {
    pub number: u32,
    /// Until they have been worked off: they have hashes of passwords.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<Vec<RawLine>>,
    #[serde(default)]
    pub report: Vec<LineReport>,
}

/// What came of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LineOutcome {
    /// Not worked off yet.
    Pending,
    /// The user is there now.
    Created,
    /// The address has an account already, which stays as it is.
    Exists,
    Invalid,
}

/// What came of a line, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LineReport {
    /// From 1.
    #[schema(minimum = 1, example = 1)]
    pub line: u32,
    pub outcome: LineOutcome,
    /// The new user.
    #[schema(required)]
    pub user_id: Option<UserId>,
    /// What is wrong with the line; or, with a created user, the roles that could not be given.
    pub errors: Vec<Violation>,
}

impl LineReport {
    pub fn new(line: u32, outcome: LineOutcome) -> Self {
        Self { line, outcome, user_id: None, errors: Vec::new() }
    }
}

/// Splits what was sent into chunks of lines; empty lines do not count.
///
/// # Errors
/// `import.empty`, `import.too_long`.
pub fn split(body: &str) -> Result<Vec<Chunk>, Invalid> {
    let lines: Vec<_> = (1..)
        .zip(body.lines())
        .filter(|(_, text)| !text.trim().is_empty())
        .map(|(line, text)| RawLine {
            line,
            text: (text.len() <= MAX_LINE).then(|| text.to_owned()),
        })
        .collect();
    if lines.is_empty() {
        return Err(Invalid::new("import.empty", "must have at least one line"));
    }
    if lines.len() > MAX_USERS {
        let rule = format!("must have at most {MAX_USERS} lines; start several imports");
        return Err(Invalid::new("import.too_long", rule));
    }
    let chunks = (0..).zip(lines.chunks(CHUNK as usize));
    let chunk = |(number, lines): (u32, &[RawLine])| Chunk {
        number,
        open: Some(lines.to_vec()),
        report: Vec::new(),
    };
    Ok(chunks.map(chunk).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_their_numbers_and_fill_chunks() {
        let body = format!("\r\n{}\n{}", "{}\n\n".repeat(150), "x".repeat(MAX_LINE + 1));
        let chunks = split(&body).unwrap();
        let open = |chunk: &Chunk| chunk.open.clone().unwrap();
        assert_eq!(chunks.len(), 2);
        assert_eq!((open(&chunks[0]).len(), open(&chunks[1]).len()), (100, 51));
        assert_eq!(open(&chunks[0])[0], RawLine { line: 2, text: Some("{}".to_owned()) });
        assert_eq!(open(&chunks[0])[1].line, 4);
        assert_eq!(open(&chunks[1])[50], RawLine { line: 303, text: None });
        assert_eq!(split(" \n\n").unwrap_err().code, "import.empty");
        assert_eq!(split(&"{}\n".repeat(MAX_USERS + 1)).unwrap_err().code, "import.too_long");
    }

    #[test]
    fn a_place_always_gives_the_same_user_and_another_place_another() {
        let now: Timestamp = "2026-05-04T10:00:00Z".parse().unwrap();
        let new = || Import::new(ImportId::new(), UserId::new(), BTreeSet::new(), 2, now);
        let import = new();
        assert_eq!(import.user_at(0), import.user_at(0));
        assert_ne!(import.user_at(0), import.user_at(1));
        assert_eq!(import.user_at(0).as_uuid().get_version_num(), 7);
        assert_ne!(import.user_at(0), new().user_at(0));
    }
}
