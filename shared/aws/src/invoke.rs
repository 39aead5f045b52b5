//! Calls between services by Lambda Invoke.

use async_trait::async_trait;
use aws_sdk_lambda::{Client, primitives::Blob, types::InvocationType};
use bytes::Bytes;
use http::{StatusCode, header};
use kernel::{
    client::{Outbound, Reply, Transport, TransportError},
    lambda::INTERNAL_API_ID,
    origin::ORIGIN_HEADER,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::sdk::chain;

/// Invokes the callee's `api` function with what looks like a request from the gateway, except for
/// the API id. The callee's resource policy and our role decide who may.
#[derive(Debug, Clone)]
pub struct LambdaTransport {
    client: Client,
    prefix: String,
}

impl LambdaTransport {
    /// The function of a service is called `{prefix}{service}-api`. The client must not retry by
    /// itself (see [`crate::sdk::lambda`]).
    pub fn new(client: Client, prefix: impl Into<String>) -> Self {
        Self { client, prefix: prefix.into() }
    }
}

#[async_trait]
impl Transport for LambdaTransport {
    async fn send(&self, service: &str, request: Outbound) -> Result<Reply, TransportError> {
        let reply = self
            .client
            .invoke()
            .function_name(format!("{}{service}-api", self.prefix))
            .invocation_type(InvocationType::RequestResponse)
            .payload(Blob::new(payload(&request)?.to_string()))
            .send()
            .await
            .map_err(|error| TransportError(chain(&error)))?;
        let body = reply.payload().map(AsRef::as_ref).unwrap_or_default();
        if let Some(kind) = reply.function_error() {
            // The callee's own log has the details; its payload may hold data of the request.
            return Err(TransportError(format!("its function failed: {kind}")));
        }
        read(body)
    }
}

/// The request as API Gateway (payload format 2.0) would give it to the function.
fn payload(request: &Outbound) -> Result<Value, TransportError> {
    let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
    let body = request.body.as_deref().map(std::str::from_utf8).transpose();
    let body = body.map_err(|error| TransportError(format!("its body is not text: {error}")))?;
    Ok(json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": {
            header::CONTENT_TYPE.as_str(): "application/json",
            ORIGIN_HEADER: request.origin.to_header(),
        },
        "requestContext": {
            "apiId": INTERNAL_API_ID,
            "stage": "$default",
            "routeKey": "$default",
            "requestId": request.origin.request_id,
            "http": {
                "method": request.method.as_str(),
                "path": path,
                "protocol": "HTTP/1.1",
            },
        },
        "body": body,
        "isBase64Encoded": false,
    }))
}

/// What a function answers to the gateway.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    status_code: u16,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

fn read(payload: &[u8]) -> Result<Reply, TransportError> {
    let broken = |reason: String| TransportError(format!("its answer is not a response: {reason}"));
    let answer: Answer =
        serde_json::from_slice(payload).map_err(|error| broken(error.to_string()))?;
    let status =
        StatusCode::from_u16(answer.status_code).map_err(|error| broken(error.to_string()))?;
    let text = answer.body.unwrap_or_default();
    let body = if answer.is_base64_encoded {
        let bytes = aws_smithy_types::base64::decode(text);
        bytes.map_err(|error| broken(error.to_string()))?.into()
    } else {
        Bytes::from(text)
    };
    Ok(Reply { status, body })
}

#[cfg(test)]
mod tests {
    use http::Method;
    use kernel::origin::Origin;
    use lambda_http::{RequestExt, request::RequestContext};

    use super::*;
    use crate::replay::{self, Replay};

    fn transport(answer: Value) -> (LambdaTransport, Replay) {
        let (config, replay) = replay::config([(200, answer)]);
        (LambdaTransport::new(Client::new(&config), "plinth-test-"), replay)
    }

    fn outbound(path: &str) -> Outbound {
        Outbound {
            method: Method::PUT,
            path: path.to_owned(),
            body: Some(Bytes::from_static(b"{\"name\":\"Ada\"}")),
            origin: Origin::system("test"),
        }
    }

    #[tokio::test]
    async fn a_call_reaches_the_callees_function_and_its_answer_comes_back() {
        let answer = json!({"statusCode": 422, "body": "{\"code\":\"x\"}", "headers": {}});
        let (transport, asked) = transport(answer);
        let reply = transport.send("identity", outbound("/internal/identity/x")).await.unwrap();
        assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(&reply.body[..], b"{\"code\":\"x\"}");
        let address = &asked.addresses()[0];
        assert!(
            address.ends_with("/2015-03-31/functions/plinth-test-identity-api/invocations"),
            "{address}"
        );
    }

    #[test]
    fn the_callee_sees_an_internal_request_with_its_origin() {
        let outbound = outbound("/internal/identity/a%2Fb?limit=5&cursor=%C3%A4");
        let payload = payload(&outbound).unwrap().to_string();
        let request = lambda_http::request::from_str(&payload).unwrap();
        assert_eq!(request.method(), Method::PUT);
        assert_eq!(request.uri().path(), "/internal/identity/a%2Fb");
        assert_eq!(request.uri().query(), Some("limit=5&cursor=%C3%A4"));
        assert_eq!(request.headers()[ORIGIN_HEADER], outbound.origin.to_header());
        assert_eq!(request.body().as_ref(), b"{\"name\":\"Ada\"}");
        let Some(RequestContext::ApiGatewayV2(context)) = request.request_context_ref() else {
            panic!("has no gateway's context");
        };
        assert_eq!(context.apiid.as_deref(), Some(INTERNAL_API_ID));
    }

    #[tokio::test]
    async fn a_crashed_function_is_no_reply() {
        let crash = json!({
            "errorMessage": "secret", "__headers": {"x-amz-function-error": "Unhandled"},
        });
        let (transport, _) = transport(crash);
        let error = transport.send("identity", outbound("/internal/x")).await.unwrap_err();
        assert_eq!(error.to_string(), "its function failed: Unhandled");
    }

    #[test]
    fn an_encoded_body_is_decoded_and_nonsense_is_refused() {
        let reply = read(br#"{"statusCode":200,"body":"eyJ9","isBase64Encoded":true}"#).unwrap();
        assert_eq!(&reply.body[..], b"{\"}");
        assert!(read(br#"{"statusCode":204}"#).unwrap().body.is_empty());
        assert!(read(b"null").is_err());
        assert!(read(br#"{"statusCode":7}"#).is_err());
    }
}
