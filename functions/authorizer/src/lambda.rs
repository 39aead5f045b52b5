//! The authorizer as API Gateway calls it: payload format 2.0, simple responses.
//!
//! A missing permission is denied here (the gateway answers 403). A token that is not valid passes
//! *without an identity*: the gateway could only answer 403 to it, while the function's own guard, which
//! lets nobody through without an identity, answers 401 with a challenge and a problem document.

use std::sync::Arc;

use aws_lambda_events::apigw::ApiGatewayV2CustomAuthorizerV2Request;
use http::{Method, header};
use kernel::origin::Origin;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{Authorizer, Refusal};

/// The simple response (API Gateway Developer Guide, "Lambda authorizer response format").
#[derive(Debug, Serialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    is_authorized: bool,
    context: Value,
}

/// Serves decisions until the instance is shut down.
pub async fn run(authorizer: Arc<Authorizer>) -> Result<(), Error> {
    let decide = |event: LambdaEvent<ApiGatewayV2CustomAuthorizerV2Request>| {
        let authorizer = authorizer.clone();
        async move { answer(&authorizer, event.payload).await }
    };
    lambda_runtime::run(service_fn(decide)).await
}

/// # Errors
/// When the decision could not be made. The gateway then answers 500 and caches nothing.
async fn answer(
    authorizer: &Authorizer,
    request: ApiGatewayV2CustomAuthorizerV2Request,
) -> Result<Answer, Error> {
    let route_key = request.route_key.unwrap_or_default();
    let Some((method, route)) = route_key.split_once(' ') else {
        return Ok(Answer { is_authorized: false, context: json!({}) });
    };
    let method = Method::from_bytes(method.as_bytes())?;
    let mut origin = Origin::system("authorizer");
    origin.request_id = kernel::http::request_id(&request.headers);
    let authorization =
        request.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    match authorizer.decide(&origin, &method, route, authorization).await {
        Ok(context) => Ok(Answer {
            is_authorized: true,
            context: context
                .map_or_else(|| Ok(json!({})), |context| serde_json::to_value(&*context))?,
        }),
        Err(refusal @ (Refusal::NoToken | Refusal::BadToken(_) | Refusal::SessionOver)) => {
            tracing::debug!(%refusal, "passes without an identity");
            Ok(Answer { is_authorized: true, context: json!({}) })
        }
        Err(refusal @ (Refusal::Forbidden(_) | Refusal::UnknownRoute)) => {
            tracing::debug!(%refusal, "denied");
            Ok(Answer { is_authorized: false, context: json!({}) })
        }
        Err(Refusal::Undecided(error)) => Err(error.into()),
    }
}
