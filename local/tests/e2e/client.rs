use reqwest::{Method, StatusCode, header::HeaderMap};
use serde_json::Value;

/// An HTTP client with or without a token.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    url: String,
    token: Option<String>,
}

impl Client {
    pub fn new(url: &str, token: Option<String>) -> Self {
        Self { http: reqwest::Client::new(), url: url.to_owned(), token }
    }

    pub fn token(&self) -> &str {
        self.token.as_deref().expect("the client has a token")
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, None, &[]).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.call(Method::POST, path, Some(body), &[]).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.call(Method::PUT, path, Some(body), &[]).await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.call(Method::PATCH, path, Some(body), &[]).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.call(Method::DELETE, path, None, &[]).await
    }

    pub async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let text = body.map(ToString::to_string);
        let mut request = self.request(method, path, headers);
        if let Some(text) = text {
            request = request.header("content-type", "application/json").body(text);
        }
        Answer::read(request).await
    }

    /// A request for whoever wants to send something odd.
    pub fn request(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
    ) -> reqwest::RequestBuilder {
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request
    }
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub async fn read(request: reqwest::RequestBuilder) -> Self {
        let response = request.send().await.expect("the platform answers");
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.expect("the answer is whole");
        Self { status, headers, text }
    }

    pub fn body(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    /// Asserts the status and hands the body on.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self.body()
    }

    /// Asserts a whole problem document with this status and code.
    #[track_caller]
    pub fn expect_problem(&self, status: u16, code: &str) -> Value {
        let body = self.expect(status);
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.text);
        assert_eq!(body["code"], code, "{body:#}");
        assert_eq!(body["status"], status);
        assert_eq!(body["request_id"], self.header("x-request-id"));
        for field in ["type", "title", "detail", "instance"] {
            assert!(body[field].is_string(), "`{field}` is missing: {body:#}");
        }
        body
    }
}
