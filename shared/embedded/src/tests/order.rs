//! Whatever fails, the effects per subject are complete and in order.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use kernel::event::Publisher;
use proptest::prelude::*;

use super::*;
use crate::pipeline::Pipeline;

const PERSISTENT: Retries =
    Retries { max_attempts: u32::MAX, first_pause: Duration::from_micros(100) };

#[derive(Debug, Clone, Copy)]
enum Mood {
    Works,
    Fails,
    Panics,
}

fn moods() -> impl Strategy<Value = Vec<Mood>> {
    let mood = prop_oneof![4 => Just(Mood::Works), 3 => Just(Mood::Fails), 1 => Just(Mood::Panics)];
    prop::collection::vec(mood, 0..120)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..Default::default() })]

    #[test]
    fn effects_per_subject_are_complete_and_in_order(
        subjects in prop::collection::vec(0..4_u8, 1..60),
        moods in moods(),
        chunk in 1..20_usize,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let handled = runtime.block_on(consume_all(&subjects, moods, chunk));
        prop_assert_eq!(first_effects(handled), numbers_by_subject(subjects));
    }
}

type Effects = BTreeMap<String, Vec<usize>>;

fn numbers_by_subject(subjects: impl IntoIterator<Item = u8>) -> Effects {
    let mut numbers = Effects::new();
    for (number, subject) in subjects.into_iter().enumerate() {
        numbers.entry(format!("s{subject}")).or_default().push(number);
    }
    numbers
}

/// A panic makes the worker repeat what came before it in the batch, and a crash what was not noted as
/// done: only new effects count, as with every consumer that is idempotent.
fn first_effects(handled: Vec<(String, usize)>) -> Effects {
    let mut effects = Effects::new();
    for (subject, number) in handled {
        let numbers = effects.entry(subject).or_default();
        if !numbers.contains(&number) {
            numbers.push(number);
        }
    }
    effects
}

/// Publishes an event for each subject and gives what the consumer handled until the queue was empty.
async fn consume_all(subjects: &[u8], moods: Vec<Mood>, chunk: usize) -> Vec<(String, usize)> {
    let moods = Mutex::new(moods);
    let probe = Probe::new(move |_| {
        let mood = moods.lock().unwrap_or_else(PoisonError::into_inner).pop();
        match mood.unwrap_or(Mood::Works) {
            Mood::Works => Ok(()),
            Mood::Fails => Err(ConsumeError::retry("in a bad mood")),
            // Without the panic hook, which would fill the output.
            Mood::Panics => std::panic::resume_unwind(Box::new("in a very bad mood")),
        }
    });
    let running = Running::start(probe.clone(), PERSISTENT);
    let events: Vec<_> =
        subjects.iter().enumerate().map(|(n, subject)| event(&format!("s{subject}"), n)).collect();
    for part in events.chunks(chunk) {
        running.bus.publish(part).await.unwrap();
    }
    running.until_empty().await;
    probe.handled()
}

#[tokio::test]
async fn crashes_at_any_moment_lose_nothing_and_keep_the_order() {
    let (store, wake, table) = open(&Place::Memory).await;
    let probe = Probe::willing();
    for number in 0..40 {
        write(&table, &event(&format!("s{}", number % 4), number)).await;
    }
    let start = || {
        let subscriptions = vec![subscription("audit", probe.clone())];
        Pipeline::start_with(&store, wake.clone(), subscriptions, PERSISTENT).unwrap()
    };
    for count in 0..20 {
        let pipeline = start();
        probe.until(count).await;
        drop(pipeline);
    }
    start().settled().await.unwrap();
    let found = first_effects(probe.handled());
    assert_eq!(found, numbers_by_subject((0..40).map(|number| number % 4)));
}
