//! The SDK's way to the store: its requests are answered in this process. There is no port, so nobody
//! else on the machine, nor a web page in its browser, can reach the tables.

use std::{fmt, sync::Arc};

use aws_smithy_runtime_api::{
    client::{
        http::{
            HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings,
            SharedHttpConnector,
        },
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
        runtime_components::RuntimeComponents,
    },
    http::StatusCode,
};
use aws_smithy_types::body::SdkBody;
use dynoxide::{Database, DynoxideError};
use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::Mutex;

const TARGET_PREFIX: &str = "DynamoDB_20120810.";

/// What DynamoDB says to an operation it does not know.
const UNKNOWN_OPERATION: &str =
    r#"{"__type":"com.amazon.coral.service#UnknownOperationException"}"#;

/// Answers the operations that the platform uses.
#[derive(Clone)]
pub(crate) struct Connector {
    /// The database does one thing at a time anyway. Who waits for it here holds no thread meanwhile,
    /// and is served in turn.
    database: Arc<Mutex<Database>>,
}

impl Connector {
    pub(crate) fn new(database: Database) -> Self {
        Self { database: Arc::new(Mutex::new(database)) }
    }

    async fn answer(self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        // Calls that a task makes at the same time all begin before the first of them is answered, as
        // over a network; [`aws::Ledger`] counts on that.
        tokio::task::yield_now().await;
        let database = self.database.lock_owned().await;
        // A write may wait for the disk, or for the streams' connection, and a page of a table is long.
        let answer = tokio::task::spawn_blocking(move || answer(&database, &request));
        let (status, body) =
            answer.await.map_err(|error| ConnectorError::other(error.into(), None))?;
        let status = StatusCode::try_from(status)
            .map_err(|error| ConnectorError::other(error.into(), None))?;
        let mut response = HttpResponse::new(status, SdkBody::from(body));
        response.headers_mut().insert("content-type", "application/x-amz-json-1.0");
        Ok(response)
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(self.clone().answer(request))
    }
}

impl HttpClient for Connector {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector")
    }
}

/// Status and body of the answer.
fn answer(database: &Database, request: &HttpRequest) -> (u16, String) {
    let target = request.headers().get("x-amz-target").unwrap_or_default();
    let operation = target.strip_prefix(TARGET_PREFIX).unwrap_or_default();
    // A body that is not in memory does not exist among these operations.
    let body = request.body().bytes().unwrap_or_default();
    let answer = match operation {
        "GetItem" => run(body, |request| database.get_item(request)),
        "BatchGetItem" => run(body, |request| database.batch_get_item(request)),
        "Query" => run(body, |request| database.query(request)),
        "Scan" => run(body, |request| database.scan(request)),
        "PutItem" => run(body, |request| database.put_item(request)),
        "UpdateItem" => run(body, |request| database.update_item(request)),
        "DeleteItem" => run(body, |request| database.delete_item(request)),
        "TransactWriteItems" => run(body, |request| database.transact_write_items(request)),
        "BatchWriteItem" => run(body, |request| database.batch_write_item(request)),
        "CreateTable" => run(body, |request| database.create_table(request)),
        "DescribeTable" => run(body, |request| database.describe_table(request)),
        "UpdateTimeToLive" => run(body, |request| database.update_time_to_live(request)),
        _ => return (400, UNKNOWN_OPERATION.to_owned()),
    };
    answer.map_or_else(|error| (error.status_code(), error.to_json()), |body| (200, body))
}

fn run<Request: DeserializeOwned, Response: Serialize>(
    body: &[u8],
    call: impl FnOnce(Request) -> Result<Response, DynoxideError>,
) -> Result<String, DynoxideError> {
    // The SDK writes no broken JSON: what cannot be read is a value that the store does not take, such
    // as a number of too many digits or a document of too many levels.
    let request = serde_json::from_slice(body)
        .map_err(|error| DynoxideError::ValidationException(error.to_string()))?;
    serde_json::to_string(&call(request)?)
        .map_err(|error| DynoxideError::InternalServerError(error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use aws::{Ledger, Recorder, sdk};
    use aws_sdk_dynamodb::{
        Client,
        error::ProvideErrorMetadata,
        operation::{put_item::PutItemError, transact_write_items::TransactWriteItemsError},
        primitives::Blob,
        types::{
            AttributeDefinition, AttributeValue, BillingMode, ConditionCheck, KeySchemaElement,
            KeyType, Put, ReturnValuesOnConditionCheckFailure, ScalarAttributeType,
            TransactWriteItem,
        },
    };

    use super::*;

    const TABLE: &str = "demo";
    const ABSENT: &str = "attribute_not_exists(pk)";

    async fn client() -> Client {
        let connector = Connector::new(Database::memory().unwrap());
        let client = sdk::local_dynamodb(connector, Recorder::default());
        let key = KeySchemaElement::builder().attribute_name("pk").key_type(KeyType::Hash);
        let attribute = AttributeDefinition::builder()
            .attribute_name("pk")
            .attribute_type(ScalarAttributeType::S);
        let create = client.create_table().table_name(TABLE).key_schema(key.build().unwrap());
        let create = create.attribute_definitions(attribute.build().unwrap());
        create.billing_mode(BillingMode::PayPerRequest).send().await.unwrap();
        client
    }

    fn text(value: &str) -> AttributeValue {
        AttributeValue::S(value.to_owned())
    }

    async fn put(client: &Client, key: &str, value: AttributeValue) -> Result<(), Option<String>> {
        let put = client.put_item().table_name(TABLE).item("pk", text(key)).item("value", value);
        let done = put.send().await;
        done.map(drop).map_err(|error| error.code().map(str::to_owned))
    }

    #[tokio::test]
    async fn every_kind_of_value_comes_back_as_it_was() {
        let client = client().await;
        let values = HashMap::from([
            ("text".to_owned(), text("\0 \"🦀\" \u{fffd}")),
            ("number".to_owned(), AttributeValue::N("-0.5".to_owned())),
            ("bytes".to_owned(), AttributeValue::B(Blob::new([0, 255]))),
            ("none".to_owned(), AttributeValue::Null(true)),
            ("list".to_owned(), AttributeValue::L(vec![AttributeValue::Bool(false)])),
            ("set".to_owned(), AttributeValue::Ss(vec!["a".to_owned(), "b".to_owned()])),
        ]);
        let value = AttributeValue::M(values);
        put(&client, "1", value.clone()).await.unwrap();
        let get = client.get_item().table_name(TABLE).key("pk", text("1")).send().await.unwrap();
        assert_eq!(get.item().unwrap()["value"], value);
    }

    #[tokio::test]
    async fn a_failed_condition_comes_with_the_item() {
        let client = client().await;
        put(&client, "1", text("old")).await.unwrap();
        let again = client
            .put_item()
            .table_name(TABLE)
            .item("pk", text("1"))
            .condition_expression(ABSENT)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let error = again.send().await.unwrap_err().into_service_error();
        let PutItemError::ConditionalCheckFailedException(failed) = error else {
            panic!("{error:?}")
        };
        assert_eq!(failed.item().unwrap()["value"], text("old"));
    }

    #[tokio::test]
    async fn a_cancelled_transaction_says_which_write_is_to_blame_and_writes_nothing() {
        let client = client().await;
        put(&client, "1", text("old")).await.unwrap();
        let new = Put::builder().table_name(TABLE).item("pk", text("2")).build().unwrap();
        let check = ConditionCheck::builder().table_name(TABLE).key("pk", text("1"));
        let check = check.condition_expression(ABSENT).build().unwrap();
        let transaction = client
            .transact_write_items()
            .transact_items(TransactWriteItem::builder().put(new).build())
            .transact_items(TransactWriteItem::builder().condition_check(check).build());
        let error = transaction.send().await.unwrap_err().into_service_error();
        let TransactWriteItemsError::TransactionCanceledException(cancelled) = error else {
            panic!("{error:?}")
        };
        let reasons = cancelled.cancellation_reasons().iter();
        let codes: Vec<_> = reasons.map(|reason| reason.code().unwrap_or_default()).collect();
        assert_eq!(codes, ["None", "ConditionalCheckFailed"]);
        let get = client.get_item().table_name(TABLE).key("pk", text("2")).send().await.unwrap();
        assert_eq!(get.item(), None);
    }

    #[tokio::test]
    async fn what_cannot_be_stored_is_refused_as_invalid() {
        let client = client().await;
        let invalid = Err(Some("ValidationException".to_owned()));
        let levels = |count| (0..count).fold(text("x"), |inner, _| AttributeValue::L(vec![inner]));
        assert_eq!(put(&client, "", text("x")).await, invalid);
        assert_eq!(put(&client, &"k".repeat(2049), text("x")).await, invalid);
        assert_eq!(put(&client, "1", text(&"x".repeat(400 * 1024))).await, invalid);
        assert_eq!(put(&client, "1", AttributeValue::N("9".repeat(39))).await, invalid);
        assert_eq!(put(&client, "1", levels(30)).await, Ok(()));
        // From 32 levels on by the store, from about twice that by the parser of the request.
        assert_eq!(put(&client, "1", levels(33)).await, invalid);
        assert_eq!(put(&client, "1", levels(1000)).await, invalid);
    }

    #[tokio::test]
    async fn a_missing_table_and_an_unknown_operation_are_told_apart() {
        let client = client().await;
        let missing = client.get_item().table_name("other").key("pk", text("1")).send().await;
        let missing = missing.unwrap_err().into_service_error();
        assert!(missing.is_resource_not_found_exception(), "{missing:?}");
        let unknown = client.list_tables().send().await.unwrap_err();
        assert_eq!(unknown.code(), Some("UnknownOperationException"));
    }

    #[tokio::test]
    async fn calls_of_one_task_at_the_same_time_count_once_in_sequence() {
        let client = client().await;
        let get = || client.get_item().table_name(TABLE).key("pk", text("1")).send();
        let (_, ledger) = Ledger::of(Box::pin(async { tokio::join!(get(), get(), get()) })).await;
        assert_eq!((ledger.calls().len(), ledger.in_sequence()), (3, 1));
        let (_, ledger) = Ledger::of(async { (get().await, get().await) }).await;
        assert_eq!(ledger.in_sequence(), 2);
    }
}
