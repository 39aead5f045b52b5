use std::collections::BTreeMap;

use reqwest::{Client, Method, Url, header, redirect};

use crate::client::Answer;

/// As much of a browser as signing in needs: cookies, redirects, and a hand that fills in the forms of
/// `oidc-provider`.
pub struct Browser {
    http: Client,
    cookies: BTreeMap<String, String>,
    visited: Vec<Url>,
}

impl Default for Browser {
    fn default() -> Self {
        let http = Client::builder().redirect(redirect::Policy::none()).build().unwrap();
        Self { http, cookies: BTreeMap::new(), visited: Vec::new() }
    }
}

impl Browser {
    /// Goes where the address leads, signing in and consenting on the way, until there is something that
    /// is no form and on this machine leads no further.
    pub async fn follow(&mut self, start: Url, login: &str) -> Answer {
        let (mut url, mut form) = (start, None);
        for _ in 0..20 {
            let answer = self.load(&url, form.take()).await;
            if answer.status.is_redirection() {
                let next = url.join(answer.header("location")).unwrap();
                if !matches!(next.host_str(), Some("127.0.0.1" | "localhost")) {
                    return answer;
                }
                url = next;
                continue;
            }
            let Some(action) = between(&answer.text, "action=\"", "\"") else { return answer };
            let prompt = between(&answer.text, "name=\"prompt\" value=\"", "\"").unwrap();
            form = Some(format!("prompt={prompt}&login={login}&password=any"));
            url = url.join(action).unwrap();
        }
        panic!("the browser is led in circles: {:?}", self.visited);
    }

    /// Where the browser was last.
    pub fn last(&self) -> &Url {
        self.visited.last().unwrap()
    }

    async fn load(&mut self, url: &Url, form: Option<String>) -> Answer {
        self.visited.push(url.clone());
        let pairs: Vec<_> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let method = if form.is_some() { Method::POST } else { Method::GET };
        let mut request =
            self.http.request(method, url.clone()).header(header::COOKIE, pairs.join("; "));
        if let Some(form) = form {
            let kind = "application/x-www-form-urlencoded";
            request = request.header(header::CONTENT_TYPE, kind).body(form);
        }
        let answer = Answer::read(request).await;
        for cookie in answer.headers.get_all(header::SET_COOKIE) {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if value.is_empty() {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    text.split_once(before)?.1.split_once(after).map(|(found, _)| found)
}
