//! SDK clients: one HTTP stack, one TLS configuration, one idea of patience for all of them.

use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_credential_types::Credentials;
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::http::HttpClient;

use crate::calls::Recorder;

/// How often a call is made when AWS throttles it or does not answer.
const TRIES: u32 = 3;
/// A connection within a region takes milliseconds; one that takes longer will not come.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// One try of a call; three of them fit into what a client waits for.
const TRY_TIMEOUT: Duration = Duration::from_secs(5);

/// Configuration from the function's environment: region, role, and `AWS_ENDPOINT_URL` where set.
pub async fn config() -> SdkConfig {
    let is_plain = std::env::var("AWS_ENDPOINT_URL").is_ok_and(|url| url.starts_with("http://"));
    let http = if is_plain {
        Builder::new().build_http()
    } else {
        Builder::new().tls_provider(Provider::Rustls(CryptoMode::AwsLc)).build_https()
    };
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(TRY_TIMEOUT)
        .build();
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .retry_config(RetryConfig::standard().with_max_attempts(TRIES))
        .timeout_config(timeouts)
        .load()
        .await
}

/// A client of the tables.
pub fn dynamodb(config: &SdkConfig) -> aws_sdk_dynamodb::Client {
    let config = aws_sdk_dynamodb::config::Builder::from(config).interceptor(Recorder::default());
    aws_sdk_dynamodb::Client::from_conf(config.build())
}

/// A client of the other functions. It does not repeat calls: only [`kernel::client::ServiceClient`]
/// knows which of them are harmless to repeat.
pub fn lambda(config: &SdkConfig) -> aws_sdk_lambda::Client {
    let config = aws_sdk_lambda::config::Builder::from(config);
    aws_sdk_lambda::Client::from_conf(config.retry_config(RetryConfig::disabled()).build())
}

/// A client of a DynamoDB-compatible store that `http` leads to, and which checks no credentials.
pub fn local_dynamodb(
    http: impl HttpClient + 'static,
    recorder: Recorder,
) -> aws_sdk_dynamodb::Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::latest())
        // Requests carry an address even where none is needed.
        .endpoint_url("http://store.local")
        .region(Region::new("local"))
        .credentials_provider(Credentials::from_keys("local", "local", None))
        .http_client(http)
        .interceptor(recorder);
    aws_sdk_dynamodb::Client::from_conf(config.build())
}

/// An error with its causes; the SDK's own text is just `service error`.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// A random part of `pause` (full jitter), so that rivals do not meet again.
pub(crate) fn jitter(pause: Duration) -> Duration {
    let fraction =
        f64::from(u32::from_be_bytes(kernel::secret::random_bytes())) / f64::from(u32::MAX);
    pause.mul_f64(fraction)
}
