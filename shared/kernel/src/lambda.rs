//! A module as a Lambda function. The template's `Handler` (seen as `_HANDLER`) picks the [`Role`] of
//! this instance of the binary.

use std::sync::Arc;

use aws_lambda_events::{
    apigw::ApiGatewayV2httpRequestContext,
    sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent},
};
use axum::{extract::Request, middleware::Next, response::Response};
use lambda_http::request::RequestContext;
pub use lambda_runtime::Error;
use lambda_runtime::{LambdaEvent, service_fn};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    caller::{AuthorizerContext, Gateway},
    event::{ConsumeError, Consumer, Envelope, Publisher},
    http::Internal,
    job::{Job, JobError, JobMessage, run_job},
    module::Module,
    route::Route,
    stream::{StreamRecord, announced},
};

/// The API id that internal calls carry instead of a gateway's. Only who may invoke the function
/// can write a request context, so it cannot come from outside.
pub const INTERNAL_API_ID: &str = "plinth-internal";

/// What one function of a service does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Answers requests of the gateway and of other services.
    Api,
    /// Consumes events from the service's queue.
    Events,
    /// Publishes what the table's stream announces.
    Stream,
    /// Runs jobs: one that the scheduler sends, or a batch from the service's queue.
    Jobs,
}

impl Role {
    /// The role that the template's `Handler` names.
    ///
    /// # Errors
    /// When it names none.
    pub fn from_environment() -> Result<Self, Error> {
        match std::env::var("_HANDLER").as_deref().unwrap_or("api") {
            "api" => Ok(Self::Api),
            "events" => Ok(Self::Events),
            "stream" => Ok(Self::Stream),
            "jobs" => Ok(Self::Jobs),
            other => Err(format!("handler `{other}` is none of api, events, stream, jobs").into()),
        }
    }
}

/// Serves the module until the instance is shut down.
///
/// # Errors
/// When the module has nothing for this role, or the runtime fails.
pub async fn run(module: Module, role: Role, routes: &'static [Route]) -> Result<(), Error> {
    let name = module.name;
    match role {
        Role::Api => {
            // What hooks warm is needed by requests only.
            for hook in &module.lifecycle {
                hook.start().await;
            }
            let router = module.router(routes).layer(axum::middleware::from_fn(from_gateway));
            lambda_http::run(router).await
        }
        Role::Events => {
            let consumer =
                module.consumer.ok_or_else(|| format!("module `{name}` consumes no events"))?;
            let handle = |event: LambdaEvent<SqsEvent>| consume(consumer.as_ref(), event.payload);
            lambda_runtime::run(service_fn(handle)).await
        }
        Role::Stream => Err(format!("module `{name}` is not needed to publish its stream").into()),
        Role::Jobs => {
            let handle = |event: LambdaEvent<Value>| work(&module.jobs, event.payload);
            lambda_runtime::run(service_fn(handle)).await
        }
    }
}

/// Publishes a table's stream until the instance is shut down. It needs nothing of the module.
///
/// # Errors
/// When the runtime fails.
pub async fn run_stream(publisher: Arc<dyn Publisher>) -> Result<(), Error> {
    let handle =
        |event: LambdaEvent<StreamEvent>| publish(publisher.as_ref(), event.payload.records);
    lambda_runtime::run(service_fn(handle)).await
}

/// Translates the gateway's request context into [`Gateway`], or marks an internal call.
async fn from_gateway(mut request: Request, next: Next) -> Response {
    if let Some(RequestContext::ApiGatewayV2(context)) =
        request.extensions_mut().remove::<RequestContext>()
    {
        if context.apiid.as_deref() == Some(INTERNAL_API_ID) {
            request.extensions_mut().insert(Internal);
        } else {
            request.extensions_mut().insert(gateway(context));
        }
    }
    next.run(request).await
}

fn gateway(context: ApiGatewayV2httpRequestContext) -> Gateway {
    let authorizer = context.authorizer.and_then(|authorizer| {
        let fields: serde_json::Map<String, Value> = authorizer.fields.into_iter().collect();
        AuthorizerContext::deserialize(Value::Object(fields)).ok()
    });
    Gateway { ip_address: context.http.source_ip, authorizer }
}

#[derive(Debug, Deserialize)]
struct StreamEvent {
    #[serde(rename = "Records")]
    records: Vec<StreamRecord>,
}

/// Publishes what the records announce, in order. Fails the whole batch when the bus does not take
/// it: the stream tries again, and publishing twice is harmless.
async fn publish(publisher: &dyn Publisher, records: Vec<StreamRecord>) -> Result<(), Error> {
    let mut events = Vec::new();
    for record in &records {
        events.extend(announced(record)?);
    }
    if !events.is_empty() {
        publisher.publish(&events).await?;
    }
    Ok(())
}

/// A message of a rule's queue: the bus's own envelope with ours as its detail.
#[derive(Debug, Deserialize)]
struct BusMessage {
    detail: Envelope,
}

async fn consume(consumer: &dyn Consumer, batch: SqsEvent) -> Result<SqsBatchResponse, Error> {
    let mut failed = SqsBatchResponse::default();
    let mut ids = Vec::new();
    let mut events = Vec::new();
    for message in batch.records {
        let id = message.message_id.unwrap_or_default();
        match serde_json::from_str::<BusMessage>(message.body.as_deref().unwrap_or_default()) {
            Ok(parsed) => {
                ids.push(id);
                events.push(parsed.detail);
            }
            Err(error) => {
                tracing::error!(message_id = id, %error, "message is not an event");
                failed.batch_item_failures.push(failure(id));
            }
        }
    }
    for (id, result) in ids.into_iter().zip(consumer.consume_batch(&events).await) {
        if let Err(error) = result {
            // A rejected message also stays, so that the queue's redrive policy keeps it for a person.
            let is_final = matches!(error, ConsumeError::Reject(_));
            tracing::warn!(message_id = id, %error, is_final, "event was not handled");
            failed.batch_item_failures.push(failure(id));
        }
    }
    Ok(failed)
}

/// Runs what the function was called with. An error lets Lambda try a scheduled job again and, in the end,
/// keep it among the dead letters.
async fn work(jobs: &[Arc<dyn Job>], payload: Value) -> Result<Value, Error> {
    if payload.get("Records").is_some() {
        let failed = work_batch(jobs, serde_json::from_value(payload)?).await;
        return Ok(serde_json::to_value(failed)?);
    }
    let message: JobMessage = serde_json::from_value(payload)?;
    run_job(jobs, &message).await.inspect_err(|error| {
        tracing::error!(kind = message.kind, %error, "scheduled job failed");
    })?;
    Ok(Value::Null)
}

async fn work_batch(jobs: &[Arc<dyn Job>], batch: SqsEvent) -> SqsBatchResponse {
    let mut failed = SqsBatchResponse::default();
    for message in batch.records {
        let id = message.message_id.unwrap_or_default();
        let parsed = serde_json::from_str(message.body.as_deref().unwrap_or_default());
        let outcome = match parsed.map_err(JobError::reject) {
            Ok(message) => run_job(jobs, &message).await,
            Err(error) => Err(error),
        };
        if let Err(error) = outcome {
            tracing::warn!(message_id = id, %error, "job failed");
            failed.batch_item_failures.push(failure(id));
        }
    }
    failed
}

fn failure(id: String) -> BatchItemFailure {
    let mut failure = BatchItemFailure::default();
    failure.item_identifier = id;
    failure
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use async_trait::async_trait;
    use serde_json::json;

    use super::*;

    /// Counts its runs; fails when told to.
    #[derive(Default)]
    struct Counting(AtomicU32);

    #[async_trait]
    impl Job for Counting {
        fn kind(&self) -> &'static str {
            "demo.count"
        }

        async fn run(&self, payload: &Value) -> Result<(), JobError> {
            self.0.fetch_add(1, Ordering::SeqCst);
            if payload["fail"] == true { Err(JobError::retry("told to")) } else { Ok(()) }
        }
    }

    #[tokio::test]
    async fn a_schedule_runs_the_job_it_names_and_an_error_is_lambdas_to_repeat() {
        let job = Arc::new(Counting::default());
        let jobs: Vec<Arc<dyn Job>> = vec![job.clone()];
        work(&jobs, json!({"kind": "demo.count"})).await.unwrap();
        assert_eq!(job.0.load(Ordering::SeqCst), 1);
        work(&jobs, json!({"kind": "demo.count", "payload": {"fail": true}})).await.unwrap_err();
        work(&jobs, json!({"kind": "demo.other"})).await.unwrap_err();
        work(&jobs, json!("nonsense")).await.unwrap_err();
        assert_eq!(job.0.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn of_a_batch_only_the_failed_come_back() {
        let jobs: Vec<Arc<dyn Job>> = vec![Arc::new(Counting::default())];
        let message = |id: &str, body: &str| json!({"messageId": id, "body": body});
        let records = [
            message("1", r#"{"kind":"demo.count"}"#),
            message("2", r#"{"kind":"demo.count","payload":{"fail":true}}"#),
            message("3", "nonsense"),
        ];
        let answer = work(&jobs, json!({"Records": records})).await.unwrap();
        let failed = answer["batchItemFailures"].as_array().unwrap();
        let ids: Vec<_> = failed.iter().map(|item| item["itemIdentifier"].clone()).collect();
        assert_eq!(ids, ["2", "3"]);
    }
}
