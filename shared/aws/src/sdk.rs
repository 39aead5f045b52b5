//! SDK clients: one HTTP stack and one TLS configuration for all of them.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};

use crate::calls::Recorder;

/// Configuration from the function's environment: region, role, and `AWS_ENDPOINT_URL` where set.
pub async fn config() -> SdkConfig {
    let is_plain = std::env::var("AWS_ENDPOINT_URL").is_ok_and(|url| url.starts_with("http://"));
    let http = if is_plain {
        Builder::new().build_http()
    } else {
        Builder::new().tls_provider(Provider::Rustls(CryptoMode::AwsLc)).build_https()
    };
    aws_config::defaults(BehaviorVersion::latest()).http_client(http).load().await
}

/// A client of the tables.
pub fn dynamodb(config: &SdkConfig) -> aws_sdk_dynamodb::Client {
    let config = aws_sdk_dynamodb::config::Builder::from(config).interceptor(Recorder::default());
    aws_sdk_dynamodb::Client::from_conf(config.build())
}

/// A client of a DynamoDB-compatible store on this machine, which checks no credentials.
pub fn local_dynamodb(endpoint: &str, recorder: Recorder) -> aws_sdk_dynamodb::Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::latest())
        .endpoint_url(endpoint)
        .region(Region::new("local"))
        .credentials_provider(Credentials::from_keys("local", "local", None))
        .http_client(Builder::new().build_http())
        .interceptor(recorder);
    aws_sdk_dynamodb::Client::from_conf(config.build())
}
