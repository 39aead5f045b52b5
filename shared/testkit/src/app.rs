use std::collections::BTreeSet;

use axum::{Router, body::Body};
use contracts::generated::ROUTES;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use jiff::Timestamp;
use kernel::{
    caller::{AuthorizerContext, Credential, Gateway},
    http::Internal,
    id::{SessionId, TenantId, UserId},
    idempotency,
    limit::Limits,
    module::Module,
};
use serde_json::Value;
use tower::ServiceExt;

/// Where people call from, unless they say.
const ADDRESS: &str = "203.0.113.7";

/// Somebody who calls, as the gateway and the authorizer would have found.
#[derive(Debug, Clone)]
pub struct Person {
    context: Option<AuthorizerContext>,
    address: String,
}

impl Person {
    /// Nobody in particular.
    pub fn anonymous() -> Self {
        Self { context: None, address: ADDRESS.to_owned() }
    }

    /// A user of a tenant of their own, with these permissions.
    pub fn with(permissions: &[&str]) -> Self {
        let context = AuthorizerContext {
            user_id: UserId::new(),
            tenant_id: TenantId::new(),
            session_id: SessionId::new(),
            credential: Credential::Session,
            roles: Vec::new(),
            permissions: permissions.iter().map(|code| (*code).to_owned()).collect(),
            amr: Vec::new(),
            auth_time: None,
        };
        Self { context: Some(context), ..Self::anonymous() }
    }

    /// Calls from this address.
    #[must_use]
    pub fn at(mut self, address: &str) -> Self {
        address.clone_into(&mut self.address);
        self
    }

    #[must_use]
    pub fn of_tenant(mut self, tenant: TenantId) -> Self {
        self.context_mut().tenant_id = tenant;
        self
    }

    #[must_use]
    pub fn as_user(mut self, user: UserId) -> Self {
        self.context_mut().user_id = user;
        self
    }

    #[must_use]
    pub fn in_session(mut self, session: SessionId) -> Self {
        self.context_mut().session_id = session;
        self
    }

    /// Who holds these permissions.
    #[must_use]
    pub fn holding(mut self, permissions: &[&str]) -> Self {
        self.context_mut().permissions = permissions.iter().map(|&code| code.to_owned()).collect();
        self
    }

    /// Not in person: by an API key, or as a service client.
    #[must_use]
    pub fn by(mut self, credential: Credential) -> Self {
        self.context_mut().credential = credential;
        self
    }

    /// As with a token of a session in which they proved at this time who they are.
    #[must_use]
    pub fn authenticated_at(mut self, time: Timestamp) -> Self {
        self.context_mut().auth_time = Some(time);
        self
    }

    pub fn tenant(&self) -> TenantId {
        self.context().tenant_id
    }

    pub fn user(&self) -> UserId {
        self.context().user_id
    }

    pub fn permissions(&self) -> BTreeSet<String> {
        self.context().permissions.clone()
    }

    fn context(&self) -> &AuthorizerContext {
        self.context.as_ref().expect("an anonymous person has no context")
    }

    fn context_mut(&mut self) -> &mut AuthorizerContext {
        self.context.as_mut().expect("an anonymous person has no context")
    }
}

/// A module's real router.
#[derive(Debug, Clone)]
pub struct App(Router);

impl App {
    pub fn new(module: &Module) -> Self {
        Self(module.router(ROUTES))
    }

    /// The same, with limits on who calls too often.
    pub fn limited(module: &Module, limits: Limits) -> Self {
        Self::new(&Module { limits, ..module.clone() })
    }

    pub async fn get(&self, person: &Person, path: &str) -> Answer {
        self.call(person, Method::GET, path, None, &[]).await
    }

    pub async fn post(&self, person: &Person, path: &str, body: &Value) -> Answer {
        self.call(person, Method::POST, path, Some(body), &[]).await
    }

    /// A `POST` with an idempotency key.
    pub async fn post_with_key(
        &self,
        person: &Person,
        path: &str,
        body: &Value,
        key: &str,
    ) -> Answer {
        self.call(person, Method::POST, path, Some(body), &[("idempotency-key", key)]).await
    }

    pub async fn put(&self, person: &Person, path: &str, body: &Value) -> Answer {
        self.call(person, Method::PUT, path, Some(body), &[]).await
    }

    pub async fn patch(&self, person: &Person, path: &str, body: &Value) -> Answer {
        self.call(person, Method::PATCH, path, Some(body), &[]).await
    }

    pub async fn delete(&self, person: &Person, path: &str) -> Answer {
        self.call(person, Method::DELETE, path, None, &[]).await
    }

    /// A request through the gateway.
    pub async fn call(
        &self,
        person: &Person,
        method: Method,
        path: &str,
        body: Option<&Value>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let request = request(method, path, body, headers);
        self.send(through_gateway(request, person)).await
    }

    /// A `POST` of some other type than JSON, which the headers name.
    pub async fn post_text(
        &self,
        person: &Person,
        path: &str,
        text: &str,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = request(Method::POST, path, None, headers);
        *request.body_mut() = Body::from(text.to_owned());
        self.send(through_gateway(request, person)).await
    }

    /// A form through the gateway, from somebody without a token of ours.
    pub async fn form(
        &self,
        path: &str,
        fields: &[(&str, &str)],
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = request(Method::POST, path, None, headers);
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        request.headers_mut().insert(header::CONTENT_TYPE, kind);
        *request.body_mut() = Body::from(form);
        let ip_address = Some("203.0.113.7".to_owned());
        request.extensions_mut().insert(Gateway { ip_address, authorizer: None });
        self.send(request).await
    }

    /// A request from another service.
    pub async fn internal(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let mut request = request(method, path, body, &[]);
        request.extensions_mut().insert(Internal);
        self.send(request).await
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let Ok(response) = self.0.clone().oneshot(request).await;
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.expect("a body in memory is whole").to_bytes();
        let body = if bytes.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&bytes)
                .unwrap_or_else(|_| Value::from(String::from_utf8_lossy(&bytes).into_owned()))
        };
        Answer { status: parts.status, headers: parts.headers, body }
    }
}

fn request(
    method: Method,
    path: &str,
    body: Option<&Value>,
    headers: &[(&str, &str)],
) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = match body {
        Some(json) => {
            request = request.header(header::CONTENT_TYPE, "application/json");
            Body::from(json.to_string())
        }
        None => Body::empty(),
    };
    request.body(body).expect("a test's request is well-formed")
}

fn through_gateway(mut request: Request<Body>, person: &Person) -> Request<Body> {
    request.extensions_mut().insert(Gateway {
        ip_address: Some(person.address.clone()),
        authorizer: person.context.clone(),
    });
    request
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Answer {
    /// Asserts the status and hands the body on.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{:#}", self.body);
        self.body
    }

    /// Asserts a problem document with this status and code, whole as RFC 9457 and the spec want it.
    #[track_caller]
    pub fn expect_problem(self, status: u16, code: &str) -> Value {
        assert_eq!(
            self.headers[header::CONTENT_TYPE],
            "application/problem+json",
            "{:#}",
            self.body
        );
        let body = self.expect(status);
        assert_eq!(body["code"], code, "{body:#}");
        for field in ["type", "title", "status", "detail", "instance", "request_id"] {
            assert!(!body[field].is_null(), "`{field}` is missing: {body:#}");
        }
        body
    }

    /// Asserts a 422 that points at exactly these fields.
    #[track_caller]
    pub fn expect_invalid(self, pointers: &[&str]) -> Value {
        let body = self.expect_problem(422, "request.invalid");
        let errors = body["errors"].as_array().cloned().unwrap_or_default();
        let found: Vec<_> = errors.iter().map(|error| error["pointer"].as_str()).collect();
        assert_eq!(found, pointers.iter().copied().map(Some).collect::<Vec<_>>(), "{body:#}");
        body
    }

    /// Whether it is the stored answer to an earlier request with the same key.
    pub fn is_replayed(&self) -> bool {
        self.headers.contains_key(idempotency::REPLAYED)
    }

    pub fn etag(&self) -> &str {
        self.headers[header::ETAG].to_str().expect("an entity tag is text")
    }
}
