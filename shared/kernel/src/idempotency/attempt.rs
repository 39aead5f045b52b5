use axum::response::Response;
use http::{HeaderValue, header};
use jiff::SignedDuration;

use super::{IN_PROGRESS, Idempotency, KEY_REUSED, Place, Record, answer::Answer, record::Verdict};
use crate::problem::Problem;

/// How often a record that others change at the same moment is looked at.
const TRIES: u32 = 3;

/// What becomes of a request with a key.
pub(super) enum Claim {
    /// It is for its handler, which works under this record.
    Granted(Record),
    /// It was answered before.
    Answered(Response),
}

impl Idempotency {
    /// Claims the request for this attempt, or finds the answer of an earlier one.
    ///
    /// # Errors
    /// [`KEY_REUSED`], [`IN_PROGRESS`]; and when the records do not answer: whoever sends a key wants the
    /// promise behind it, so the handler does not run without.
    pub(super) async fn claim(
        &self,
        place: &Place,
        fingerprint: &str,
        lease: SignedDuration,
    ) -> Result<Claim, Problem> {
        for _ in 0..TRIES {
            let now = self.clock.now();
            let first = Record::begin(fingerprint.to_owned(), now, lease);
            let found = match self.records.insert(place, &first).await? {
                None => return Ok(Claim::Granted(first)),
                // Stored by a try whose reply was lost.
                Some(found) if found.resource == first.resource => {
                    return Ok(Claim::Granted(found));
                }
                Some(found) => found,
            };
            let next = match found.judge(fingerprint, now) {
                Verdict::Reused => {
                    return Err(KEY_REUSED.problem("make a new key for every new request"));
                }
                Verdict::InProgress => break,
                Verdict::Done { answer } => {
                    return self.replay(place, &answer).map(Claim::Answered);
                }
                Verdict::Expired => first,
                Verdict::Abandoned => found.resumed(now, lease),
            };
            if self.records.replace(place, &found, &next).await? {
                return Ok(Claim::Granted(next));
            }
        }
        Err(IN_PROGRESS
            .problem("send it again in a moment, with the same key, for its answer")
            .header(header::RETRY_AFTER, HeaderValue::from_static("1")))
    }

    /// Notes how an attempt ended. If that fails, the record is left to its lease, and the next attempt
    /// gets the same reserved id: the answer goes out in any case.
    pub(super) async fn settle(
        &self,
        place: &Place,
        record: &Record,
        response: Response,
    ) -> Result<Response, Problem> {
        let now = self.clock.now();
        if response.status().is_success() {
            let (response, answer) = Answer::copy(response).await?;
            let next = if let Some(answer) = answer {
                record.done(now, answer.seal(&self.key, &place.digest))
            } else {
                tracing::error!("the answer is too large to be stored for a repeated request");
                record.released(now)
            };
            note(self.records.replace(place, record, &next).await.map(drop));
            return Ok(response);
        }
        if response.status().is_client_error() && record.is_first_attempt() {
            // A refusal has changed nothing: the request may be mended, and come again with its key.
            note(self.records.remove(place, record).await);
        } else {
            // The effect may be there or not. The reserved id stays, so that the next attempt finds it.
            let next = record.released(now);
            note(self.records.replace(place, record, &next).await.map(drop));
        }
        Ok(response)
    }

    fn replay(&self, place: &Place, sealed: &str) -> Result<Response, Problem> {
        let answer = Answer::open(&self.key, &place.digest, sealed).and_then(Answer::replay);
        answer.ok_or_else(|| Problem::internal("a stored answer does not open"))
    }
}

fn note(outcome: Result<(), Problem>) {
    if let Err(problem) = outcome {
        let cause = problem.cause_chain();
        tracing::warn!(%problem, cause, "the end of a request with a key was not noted");
    }
}
