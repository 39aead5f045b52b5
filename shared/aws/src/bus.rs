//! Events to Amazon's event bus.

use std::{ops::Range, time::Duration};

use async_trait::async_trait;
use aws_sdk_eventbridge::{Client, primitives::DateTime, types::PutEventsRequestEntry};
use kernel::event::{Envelope, PublishError, Publisher};

use crate::sdk::{chain, jitter};

/// What one `PutEvents` takes.
const MAX_ENTRIES: usize = 10;
const MAX_BYTES: usize = 256 * 1024;
/// How often entries are sent before the caller is told that the bus does not take them.
const TRIES: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// Publishes to one event bus, and reads the reply: `PutEvents` succeeds even when it rejects entries.
#[derive(Debug, Clone)]
pub struct EventBridgePublisher {
    client: Client,
    bus: String,
}

impl EventBridgePublisher {
    pub fn new(client: Client, bus: impl Into<String>) -> Self {
        Self { client, bus: bus.into() }
    }

    /// Sends the entries, and those that were not taken again, until all are taken.
    async fn put(&self, mut entries: Vec<PutEventsRequestEntry>) -> Result<(), PublishError> {
        let mut pause = FIRST_PAUSE;
        for tried in 1.. {
            let request = self.client.put_events().set_entries(Some(entries.clone()));
            let reply = request.send().await.map_err(|error| PublishError(chain(&error)))?;
            let results = reply.entries();
            if results.len() != entries.len() {
                return Err(PublishError("answered for other entries than were sent".to_owned()));
            }
            let Some(refusal) = results.iter().find_map(|result| result.error_code()) else {
                return Ok(());
            };
            if tried == TRIES {
                let refused = reply.failed_entry_count();
                return Err(PublishError(format!("refused {refused} entries: {refusal}")));
            }
            let mut results = results.iter();
            entries.retain(|_| results.next().is_some_and(|result| result.error_code().is_some()));
            tracing::warn!(refusal, entries = entries.len(), tried, "entries are sent again");
            tokio::time::sleep(jitter(pause)).await;
            pause *= 2;
        }
        unreachable!("the loop ends by returning")
    }

    fn entry(&self, event: &Envelope) -> Result<PutEventsRequestEntry, PublishError> {
        let detail = serde_json::to_string(event).map_err(|e| PublishError(e.to_string()))?;
        let entry = PutEventsRequestEntry::builder()
            .event_bus_name(&self.bus)
            .source(format!("plinth.{}", event.source))
            .detail_type(&event.kind)
            .detail(detail)
            .time(DateTime::from_millis(event.time.as_millisecond()))
            .set_trace_header(event.traceparent.as_deref().and_then(trace_header));
        Ok(entry.build())
    }
}

#[async_trait]
impl Publisher for EventBridgePublisher {
    async fn publish(&self, events: &[Envelope]) -> Result<(), PublishError> {
        let entries =
            events.iter().map(|event| self.entry(event)).collect::<Result<Vec<_>, _>>()?;
        let sizes: Vec<_> = entries.iter().map(size).collect();
        for range in chunks(&sizes) {
            self.put(entries[range].to_vec()).await?;
        }
        Ok(())
    }
}

/// Cuts the entries, in their order, into what one call takes. An entry above the limit goes alone,
/// for the bus to refuse.
fn chunks(sizes: &[usize]) -> Vec<Range<usize>> {
    let mut chunks = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (index, size) in sizes.iter().enumerate() {
        let is_full = index - start == MAX_ENTRIES || bytes + size > MAX_BYTES;
        if is_full && index > start {
            chunks.push(start..index);
            (start, bytes) = (index, 0);
        }
        bytes += size;
    }
    if start < sizes.len() {
        chunks.push(start..sizes.len());
    }
    chunks
}

/// An entry's size as the bus counts it: 14 bytes for the time, and the texts.
fn size(entry: &PutEventsRequestEntry) -> usize {
    let texts = [entry.source(), entry.detail_type(), entry.detail()];
    14 + texts.into_iter().flatten().map(str::len).sum::<usize>()
}

/// The trace of a `traceparent` as X-Ray writes it.
fn trace_header(traceparent: &str) -> Option<String> {
    let mut fields = traceparent.split('-').skip(1);
    let (time, rest) = fields.next().filter(|trace| trace.len() == 32)?.split_at_checked(8)?;
    let parent = fields.next()?;
    let sampled = u8::from(fields.next()?.ends_with(['1', '3']));
    Some(format!("Root=1-{time}-{rest};Parent={parent};Sampled={sampled}"))
}

#[cfg(test)]
mod tests {
    use kernel::{
        caller::Tenant,
        event::{EventData, Subject},
        id::TenantId,
        origin::Origin,
    };
    use serde::{Deserialize, Serialize};
    use serde_json::{Value, json};

    use super::*;
    use crate::replay::{self, Replay};

    #[derive(Serialize, Deserialize)]
    struct Happened {
        number: usize,
    }

    impl EventData for Happened {
        const TYPE: &'static str = "platform.test.happened";
        const RESOURCE: &'static str = "test";

        fn subject_id(&self) -> String {
            self.number.to_string()
        }
    }

    fn events(count: usize) -> Vec<Envelope> {
        let tenant = Tenant::of_internal_call(TenantId::new());
        let now = jiff::Timestamp::UNIX_EPOCH;
        let origin = Origin {
            traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned()),
            ..Origin::system("test")
        };
        let event = |number| Envelope::new("test", now, tenant, &origin, &Happened { number });
        (0..count).map(event).collect()
    }

    fn publisher(replies: Vec<Value>) -> (EventBridgePublisher, Replay) {
        let (config, replay) = replay::config(replies.into_iter().map(|body| (200, body)));
        (EventBridgePublisher::new(Client::new(&config), "test-bus"), replay)
    }

    fn taken(count: usize) -> Value {
        json!({"FailedEntryCount": 0, "Entries": vec![json!({"EventId": "x"}); count]})
    }

    fn subjects(request: &Value) -> Vec<String> {
        let entries = request["Entries"].as_array().unwrap();
        let detail = |entry: &Value| -> Envelope {
            serde_json::from_str(entry["Detail"].as_str().unwrap()).unwrap()
        };
        entries.iter().map(|entry| detail(entry).subject.id).collect()
    }

    #[tokio::test]
    async fn an_entry_says_what_happened_where_and_in_which_trace() {
        let (publisher, replay) = publisher(vec![taken(1)]);
        let events = events(1);
        publisher.publish(&events).await.unwrap();
        let request = &replay.requests()[0];
        let entry = &request["Entries"][0];
        assert_eq!(entry["EventBusName"], "test-bus");
        assert_eq!(entry["Source"], "plinth.test");
        assert_eq!(entry["DetailType"], "platform.test.happened");
        assert_eq!(
            entry["TraceHeader"],
            "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=00f067aa0ba902b7;Sampled=1"
        );
        let detail: Envelope = serde_json::from_str(entry["Detail"].as_str().unwrap()).unwrap();
        assert_eq!(detail, events[0]);
        assert_eq!(detail.subject, Subject { resource: "test".to_owned(), id: "0".to_owned() });
    }

    #[tokio::test]
    async fn many_events_go_in_several_calls_and_in_order() {
        let (publisher, replay) = publisher(vec![taken(10), taken(10), taken(3)]);
        publisher.publish(&events(23)).await.unwrap();
        let sent: Vec<_> = replay.requests().iter().flat_map(subjects).collect();
        assert_eq!(sent, (0..23).map(|number| number.to_string()).collect::<Vec<_>>());
    }

    #[tokio::test(start_paused = true)]
    async fn only_the_refused_entries_are_sent_again() {
        let refused = json!({"FailedEntryCount": 1, "Entries": [
            {"EventId": "x"},
            {"ErrorCode": "ThrottlingException", "ErrorMessage": "slow down"},
            {"EventId": "z"},
        ]});
        let (publisher, replay) = publisher(vec![refused, taken(1)]);
        publisher.publish(&events(3)).await.unwrap();
        let sent: Vec<_> = replay.requests().iter().map(subjects).collect();
        assert_eq!(sent, [vec!["0", "1", "2"], vec!["1"]]);
    }

    #[tokio::test(start_paused = true)]
    async fn entries_that_are_refused_again_and_again_are_an_error() {
        let refused = json!({"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalFailure"}]});
        let (publisher, replay) = publisher(vec![refused; TRIES as usize]);
        let error = publisher.publish(&events(1)).await.unwrap_err();
        assert!(error.to_string().contains("InternalFailure"), "{error}");
        assert_eq!(replay.requests().len(), TRIES as usize);
    }

    #[test]
    fn a_call_takes_ten_entries_and_256_kib() {
        assert!(chunks(&[]).is_empty());
        assert_eq!(chunks(&[1; 11]), [0..10, 10..11]);
        assert_eq!(chunks(&[100_000, 100_000, 100_000]), [0..2, 2..3]);
        assert_eq!(chunks(&[300_000, 1]), [0..1, 1..2]);
        assert_eq!(chunks(&[1, 300_000]), [0..1, 1..2]);
    }
}
