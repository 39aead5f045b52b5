//! The authorizer as API Gateway calls it: payload format 2.0, simple responses.
//!
//! The gateway could answer a refusal only with a bare 403. So a token that is not valid passes *without
//! an identity*, and one without the permission *with* its identity: the function's own guard, which
//! compares with the route table once more, answers 401 with a challenge or 403, as problem documents
//! (see `docs/adr/0002-refusals-are-answered-by-the-functions-guard.md`).

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
        Ok(Some(context))
        | Err(Refusal::Forbidden(_, context) | Refusal::SessionRequired(context)) => {
            Ok(Answer { is_authorized: true, context: serde_json::to_value(&*context)? })
        }
        Ok(None) | Err(Refusal::NoToken | Refusal::BadToken(_) | Refusal::SessionOver) => {
            Ok(Answer { is_authorized: true, context: json!({}) })
        }
        Err(Refusal::UnknownRoute) => Ok(Answer { is_authorized: false, context: json!({}) }),
        Err(Refusal::Undecided(error)) => Err(error.into()),
    }
}
