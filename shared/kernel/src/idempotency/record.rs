//! What is stored about a request with a key, and what it means for the next one.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{id::TenantId, problem::Problem};

/// How long an answer is replayed.
const KEPT: SignedDuration = SignedDuration::from_hours(24);

/// Where a record is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    /// `None` for people who are not signed in.
    pub tenant: Option<TenantId>,
    /// Stands for caller, route and key.
    pub digest: String,
}

/// A request with a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The id that is reserved for what the request creates. All attempts share it.
    pub resource: Uuid,
    /// Grows with each change, so that whoever changes a record knows that it is the one they have read.
    pub revision: u32,
    /// Of the request.
    pub fingerprint: String,
    pub expires_at: Timestamp,
    pub progress: Progress,
}

/// How far a request has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Progress {
    /// An attempt is under way, or its end was never noted: after the lease another may begin.
    Started { lease_ends_at: Timestamp },
    /// It has succeeded, with this answer (sealed).
    Done { answer: String },
}

/// What an earlier record means for a request with the same key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing any more.
    Expired,
    /// The key belongs to another request.
    Reused,
    /// The first one is still under way.
    InProgress,
    /// Nobody works on it, and how far it came is not known.
    Abandoned,
    Done {
        answer: String,
    },
}

impl Record {
    /// A first attempt.
    pub(super) fn begin(fingerprint: String, now: Timestamp, lease: SignedDuration) -> Self {
        Self {
            resource: Uuid::now_v7(),
            revision: 1,
            fingerprint,
            expires_at: now + KEPT,
            progress: Progress::Started { lease_ends_at: now + lease },
        }
    }

    pub(super) fn judge(&self, fingerprint: &str, now: Timestamp) -> Verdict {
        if self.expires_at <= now {
            return Verdict::Expired;
        }
        if self.fingerprint != fingerprint {
            return Verdict::Reused;
        }
        match &self.progress {
            Progress::Started { lease_ends_at } if *lease_ends_at > now => Verdict::InProgress,
            Progress::Started { .. } => Verdict::Abandoned,
            Progress::Done { answer } => Verdict::Done { answer: answer.clone() },
        }
    }

    /// Whether there was no attempt before this one, and so no effect that it would not know of.
    pub(super) fn is_first_attempt(&self) -> bool {
        self.revision == 1
    }

    /// The record of another attempt at what was abandoned.
    pub(super) fn resumed(&self, now: Timestamp, lease: SignedDuration) -> Self {
        self.next(now, Progress::Started { lease_ends_at: now + lease })
    }

    /// The record after an attempt that failed: the next may begin at once.
    pub(super) fn released(&self, now: Timestamp) -> Self {
        self.next(now, Progress::Started { lease_ends_at: now })
    }

    /// The record after an attempt that succeeded.
    pub(super) fn done(&self, now: Timestamp, answer: String) -> Self {
        self.next(now, Progress::Done { answer })
    }

    fn next(&self, now: Timestamp, progress: Progress) -> Self {
        Self { revision: self.revision + 1, expires_at: now + KEPT, progress, ..self.clone() }
    }
}

/// Where records are kept. A record is the same as another when both [`Record::resource`] and
/// [`Record::revision`] are; [`Record::expires_at`] only says when the space may be freed.
#[async_trait]
pub trait Records: Send + Sync + 'static {
    /// Stores a record where none is. `Some` is the one that is there, and stays.
    async fn insert(&self, place: &Place, record: &Record) -> Result<Option<Record>, Problem>;

    /// Stores a record in place of the one that was read. `false`, and no change, when that one is not
    /// there any more.
    async fn replace(
        &self,
        place: &Place,
        before: &Record,
        after: &Record,
    ) -> Result<bool, Problem>;

    /// Removes a record, if it is still the one that was read.
    async fn remove(&self, place: &Place, record: &Record) -> Result<(), Problem>;
}
