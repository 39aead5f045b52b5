//! For tests: SDK clients that get prepared answers and remember what they asked.

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_http_client::test_util::{ReplayEvent, StaticReplayClient};
use aws_smithy_types::body::SdkBody;
use serde_json::Value;

/// What the clients of [`config`] have asked.
pub(crate) struct Replay(StaticReplayClient);

impl Replay {
    /// The bodies of the requests, in order.
    pub(crate) fn requests(&self) -> Vec<Value> {
        let body = |request: &aws_smithy_runtime_api::client::orchestrator::HttpRequest| {
            serde_json::from_slice(request.body().bytes().unwrap_or_default()).unwrap_or_default()
        };
        self.0.actual_requests().map(body).collect()
    }

    /// The addresses of the requests, in order.
    pub(crate) fn addresses(&self) -> Vec<String> {
        self.0.actual_requests().map(|request| request.uri().to_owned()).collect()
    }
}

/// A configuration whose clients get these answers (status and body), one per request.
pub(crate) fn config(answers: impl IntoIterator<Item = (u16, Value)>) -> (SdkConfig, Replay) {
    let events = answers.into_iter().map(|(status, body)| {
        let request = http::Request::builder().uri("http://unused").body(SdkBody::empty()).unwrap();
        let mut response = http::Response::builder().status(status);
        // `__headers` is not part of the body: some AWS protocols answer errors in a header.
        for (name, value) in body["__headers"].as_object().into_iter().flatten() {
            response = response.header(name, value.as_str().unwrap());
        }
        ReplayEvent::new(request, response.body(SdkBody::from(body.to_string())).unwrap())
    });
    let client = StaticReplayClient::new(events.collect());
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::from_keys(
            "key", "secret", None,
        )))
        .retry_config(RetryConfig::disabled())
        .http_client(client.clone())
        .build();
    (config, Replay(client))
}
