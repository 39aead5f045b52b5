//! The worker of one queue: takes messages, hands them to the module's consumer, notes the outcome.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt;
use kernel::{
    event::{ConsumeError, Envelope, SharedConsumer},
    fault::{self, Fault, panic_message},
};
use tokio::sync::Notify;

use crate::{
    queue::{Message, Outcome, Queues, now},
    signals::Signals,
    store::StoreError,
};

/// How many messages a consumer gets at once.
const BATCH: usize = 25;

/// How long a consumer may take for what it got at once.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Until the queue is looked at again after it could not be used.
const PAUSE_WITHOUT_QUEUE: Duration = Duration::from_secs(1);

/// How often, and how soon, a failed message is tried again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Retries {
    pub(crate) max_attempts: u32,
    /// After the first attempt; doubles with each.
    pub(crate) first_pause: Duration,
}

impl Default for Retries {
    fn default() -> Self {
        Self { max_attempts: 5, first_pause: Duration::from_millis(100) }
    }
}

impl Retries {
    /// The pause after an attempt: doubled each time, of which a random part of a half is left out, so
    /// that messages that failed together are not tried together.
    fn pause(&self, attempts: u32) -> Duration {
        let doubled = 2_u32.saturating_pow(attempts.saturating_sub(1));
        let whole = self.first_pause.saturating_mul(doubled).min(LONGEST_PAUSE);
        let random = u32::from_be_bytes(kernel::secret::random_bytes());
        whole.mul_f64(1.0 - f64::from(random) / f64::from(u32::MAX) / 2.0)
    }
}

/// The only taker of one queue.
pub(crate) struct Worker {
    pub(crate) queue: &'static str,
    pub(crate) consumer: SharedConsumer,
    pub(crate) queues: Queues,
    /// Notified when there is something new on the queue. Nobody else may wait on it.
    pub(crate) wake: Arc<Notify>,
    pub(crate) signals: Signals,
    pub(crate) retries: Retries,
}

impl Worker {
    /// Runs until it is time to stop; what is in flight then is finished. Between messages it sleeps,
    /// with a timer only when a failed message waits for its next try.
    pub(crate) async fn run(self) {
        while !self.signals.is_stopping() {
            let pause = match self.pass().await {
                Ok(pause) => pause,
                Err(error) => {
                    self.report(error.to_string(), None, false);
                    Some(PAUSE_WITHOUT_QUEUE)
                }
            };
            let timer = async {
                match pause {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.wake.notified() => {}
                () = timer => {}
                () = self.signals.stopping() => {}
            }
        }
    }

    /// Works until nothing is left that can be done now. How long until there is something again.
    async fn pass(&self) -> Result<Option<Duration>, StoreError> {
        while !self.signals.is_stopping() {
            let messages = self.queues.take(self.queue, BATCH).await?;
            if messages.is_empty() {
                break;
            }
            let outcomes = self.handle(messages).await;
            // Before the messages are gone, so that whoever sees them gone sees this too.
            self.signals.progressed();
            self.queues.settle(outcomes).await?;
        }
        let next = self.queues.next_visible(self.queue).await?;
        self.signals.progressed();
        Ok(next.map(|time| Duration::from_millis(u64::try_from(time - now()).unwrap_or(0))))
    }

    async fn handle(&self, messages: Vec<Message>) -> Vec<(i64, Outcome)> {
        let mut outcomes = Vec::with_capacity(messages.len());
        let mut taken = Vec::new();
        let mut events = Vec::new();
        for message in messages {
            match self.read(&message) {
                Ok(event) => {
                    taken.push(message);
                    events.push(event);
                }
                Err(cause) => outcomes.push((message.id, self.bury(&message, None, cause))),
            }
        }
        let results = self.consume(&events).await;
        for ((message, event), result) in taken.iter().zip(&events).zip(results) {
            outcomes.push((message.id, self.outcome(message, event, result)));
        }
        outcomes
    }

    fn read(&self, message: &Message) -> Result<Envelope, String> {
        if message.attempts > self.retries.max_attempts {
            return Err("the process ended each time while this was handled".to_owned());
        }
        serde_json::from_str(&message.body).map_err(|error| format!("not an event: {error}"))
    }

    /// One result per event. When the consumer did not get through all of them, they are tried one by
    /// one, so that only the one to blame has failed.
    async fn consume(&self, events: &[Envelope]) -> Vec<Result<(), ConsumeError>> {
        if events.is_empty() {
            return Vec::new();
        }
        match self.call(events).await {
            Ok(results) => results,
            Err(cause) if events.len() == 1 => vec![Err(ConsumeError::Retry(cause))],
            Err(_) => {
                let mut results = Vec::with_capacity(events.len());
                for event in events {
                    let result = self.call(std::slice::from_ref(event)).await;
                    let result = result.map_err(ConsumeError::Retry);
                    results.push(result.and_then(|mut results| results.remove(0)));
                }
                results
            }
        }
    }

    /// The consumer's results, one per event, or why it gave none.
    async fn call(&self, events: &[Envelope]) -> Result<Vec<Result<(), ConsumeError>>, String> {
        let consuming = AssertUnwindSafe(async { self.consumer.consume_batch(events).await });
        match tokio::time::timeout(TIME_LIMIT, consuming.catch_unwind()).await {
            Ok(Ok(results)) if results.len() == events.len() => Ok(results),
            Ok(Ok(results)) => {
                Err(format!("the consumer gave {} results for {}", results.len(), events.len()))
            }
            Ok(Err(panic)) => {
                let message = panic_message(panic.as_ref());
                // Of several, nobody knows yet which one is to blame.
                let culprit = events.first().filter(|_| events.len() == 1);
                self.report(message.clone(), culprit, true);
                Err(format!("panic: {message}"))
            }
            Err(_) => Err(format!("the consumer took longer than {TIME_LIMIT:?}")),
        }
    }

    fn outcome(
        &self,
        message: &Message,
        event: &Envelope,
        result: Result<(), ConsumeError>,
    ) -> Outcome {
        let cause = match result {
            Ok(()) => return Outcome::Done,
            Err(ConsumeError::Retry(cause)) if message.attempts < self.retries.max_attempts => {
                let pause = self.retries.pause(message.attempts);
                tracing::warn!(
                    queue = self.queue,
                    event_id = %event.id,
                    event_type = event.kind,
                    request_id = event.correlation_id,
                    attempts = message.attempts,
                    cause,
                    "event failed, next try in {pause:?}"
                );
                let pause = i64::try_from(pause.as_millis()).unwrap_or(i64::MAX);
                return Outcome::Later { visible_at: now().saturating_add(pause), cause };
            }
            Err(ConsumeError::Retry(cause) | ConsumeError::Reject(cause)) => cause,
        };
        self.bury(message, Some(event), cause)
    }

    fn bury(&self, message: &Message, event: Option<&Envelope>, cause: String) -> Outcome {
        let kind = event.map_or("unknown", |event| event.kind.as_str());
        self.report(format!("dead letter {}, event `{kind}`: {cause}", message.id), event, false);
        Outcome::Dead { cause }
    }

    fn report(&self, message: String, event: Option<&Envelope>, is_panic: bool) {
        fault::report(&Fault {
            message,
            request_id: event.map(|event| event.correlation_id.clone()),
            place: format!("queue {}", self.queue),
            is_panic,
        });
    }
}
