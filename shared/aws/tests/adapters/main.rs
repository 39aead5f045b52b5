//! The adapters against a running AWS, or something that stands in for it.
//!
//! `make adapter-test AWS_ENDPOINT_URL=http://127.0.0.1:4566` runs them, and so does `make emulator-test`.
//! Whatever they make has a name of its own and is removed at the end.

use std::time::{Duration, Instant};

use aws::{
    Key, Query, StoreError, Table, Write, bus::EventBridgePublisher, sdk,
    secrets::SecretsManagerStore,
};
use aws_config::SdkConfig;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use aws_sdk_eventbridge::types::Target;
use jiff::Timestamp;
use kernel::{
    caller::Tenant,
    event::{Envelope, EventData, Publisher},
    health::Check,
    id::TenantId,
    origin::Origin,
    secret::{Secret, SecretStore},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(30);

async fn endpoint() -> (SdkConfig, String) {
    assert!(
        std::env::var("AWS_ENDPOINT_URL").is_ok(),
        "AWS_ENDPOINT_URL says where the adapters are tested"
    );
    (sdk::config().await, format!("adapter-test-{}", uuid::Uuid::now_v7().simple()))
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Note {
    text: String,
}

fn note(text: &str) -> Note {
    Note { text: text.to_owned() }
}

#[tokio::test]
#[ignore = "needs AWS_ENDPOINT_URL"]
async fn a_table_keeps_conditions_transactions_and_order() {
    let (config, name) = endpoint().await;
    let client = sdk::dynamodb(&config);
    let attribute = |name: &str| {
        let definition = AttributeDefinition::builder().attribute_name(name);
        definition.attribute_type(ScalarAttributeType::S).build().unwrap()
    };
    let part = |name: &str, kind| {
        KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap()
    };
    let create = client
        .create_table()
        .table_name(&name)
        .billing_mode(BillingMode::PayPerRequest)
        .attribute_definitions(attribute("pk"))
        .attribute_definitions(attribute("sk"))
        .key_schema(part("pk", KeyType::Hash))
        .key_schema(part("sk", KeyType::Range));
    create.send().await.expect("the table is created");
    let table = Table::new(client.clone(), &name);
    until("the table answers", async || table.check().await.ok()).await;

    let key = |number: u32| Key::new("NOTES", format!("{number:03}"));
    table.write(Write::put(key(1), &note("first")).if_absent()).await.unwrap();
    let again = table.write(Write::put(key(1), &note("other")).if_absent()).await;
    assert!(matches!(again, Err(StoreError::Condition(0))), "{again:?}");
    assert_eq!(table.get::<Note>(&key(1)).await.unwrap(), Some(note("first")));

    // All or nothing, and the refusal says which write it was.
    let both = vec![
        Write::put(key(2), &note("second")).if_absent(),
        Write::put(key(1), &note("other")).if_absent(),
    ];
    let refused = table.write_all(both).await;
    assert!(matches!(refused, Err(StoreError::Condition(1))), "{refused:?}");
    assert_eq!(table.get::<Note>(&key(2)).await.unwrap(), None);

    for number in 2..=5 {
        table.write(Write::put(key(number), &note(&number.to_string()))).await.unwrap();
    }
    let query = || Query::partition("NOTES").limit(2);
    let page = table.query::<Note>(query()).await.unwrap();
    assert_eq!(page.items, [note("first"), note("2")]);
    let page = table.query::<Note>(query().after(page.next)).await.unwrap();
    assert_eq!(page.items, [note("3"), note("4")]);

    client.delete_table().table_name(&name).send().await.unwrap();
}

#[tokio::test]
#[ignore = "needs AWS_ENDPOINT_URL"]
async fn a_secret_is_read_by_others_after_it_was_rotated() {
    let (config, name) = endpoint().await;
    let client = aws_sdk_secretsmanager::Client::new(&config);
    let prefix = format!("{name}/");
    let store = SecretsManagerStore::new(client.clone(), &prefix);
    assert!(store.get("key").await.unwrap().is_none());
    let value = async |store: &SecretsManagerStore| {
        store.get("key").await.unwrap().map(|secret| secret.expose().to_owned())
    };
    for text in ["first", "second"] {
        store.put("key", &Secret::new(text)).await.unwrap();
        assert_eq!(value(&store).await.as_deref(), Some(text));
        let another = SecretsManagerStore::new(client.clone(), &prefix);
        assert_eq!(value(&another).await.as_deref(), Some(text));
    }
    let delete = client.delete_secret().secret_id(format!("{prefix}key"));
    delete.force_delete_without_recovery(true).send().await.unwrap();
}

#[derive(Serialize, Deserialize)]
struct Tested {
    number: u32,
}

impl EventData for Tested {
    const TYPE: &'static str = "platform.adapter.tested";
    const RESOURCE: &'static str = "adapter";

    fn subject_id(&self) -> String {
        self.number.to_string()
    }
}

#[tokio::test]
#[ignore = "needs AWS_ENDPOINT_URL"]
async fn events_go_over_the_bus_into_a_queue() {
    let (config, name) = endpoint().await;
    let events = aws_sdk_eventbridge::Client::new(&config);
    let queues = aws_sdk_sqs::Client::new(&config);
    let queue = queues.create_queue().queue_name(&name).send().await.unwrap();
    let queue = queue.queue_url().unwrap();
    let attributes = queues
        .get_queue_attributes()
        .queue_url(queue)
        .attribute_names(aws_sdk_sqs::types::QueueAttributeName::QueueArn);
    let attributes = attributes.send().await.unwrap();
    let arn = attributes.attributes().unwrap().values().next().unwrap();
    events.create_event_bus().name(&name).send().await.unwrap();
    let rule = events.put_rule().name(&name).event_bus_name(&name);
    let pattern = r#"{"detail-type": [{"prefix": "platform."}]}"#;
    rule.event_pattern(pattern).send().await.unwrap();
    let target = Target::builder().id("queue").arn(arn).build().unwrap();
    let targets = events.put_targets().rule(&name).event_bus_name(&name);
    targets.targets(target).send().await.unwrap();

    // More than one call of `PutEvents` takes.
    let tenant = Tenant::of_secret(TenantId::new());
    let (origin, now) = (Origin::system("test"), Timestamp::UNIX_EPOCH);
    let sent: Vec<_> = (0..12)
        .map(|number| Envelope::new("test", now, tenant, &origin, &Tested { number }))
        .collect();
    EventBridgePublisher::new(events.clone(), &name).publish(&sent).await.unwrap();

    let mut received = std::collections::BTreeSet::new();
    until("every event is in the queue", async || {
        let receive = queues.receive_message().queue_url(queue).max_number_of_messages(10);
        for message in receive.send().await.unwrap().messages() {
            let body: Value = serde_json::from_str(message.body().unwrap()).unwrap();
            assert_eq!(body["detail-type"], "platform.adapter.tested");
            received.insert(body["detail"]["id"].as_str().unwrap().to_owned());
            let delete = queues.delete_message().queue_url(queue);
            delete.receipt_handle(message.receipt_handle().unwrap()).send().await.unwrap();
        }
        (received.len() == sent.len()).then_some(())
    })
    .await;
    assert!(sent.iter().all(|event| received.contains(&event.id.to_string())));

    let remove = events.remove_targets().rule(&name).event_bus_name(&name).ids("queue");
    remove.send().await.unwrap();
    events.delete_rule().name(&name).event_bus_name(&name).send().await.unwrap();
    events.delete_event_bus().name(&name).send().await.unwrap();
    queues.delete_queue().queue_url(queue).send().await.unwrap();
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> Option<()>) {
    let deadline = Instant::now() + PATIENCE;
    while holds().await.is_none() {
        assert!(Instant::now() < deadline, "not in {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
