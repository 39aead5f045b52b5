use reqwest::Method;
use serde_json::Value;

use crate::{client::Client, target::eventually};

/// Where the mail of the platform under test ends up.
pub struct Inbox {
    client: Client,
    path: &'static str,
    is_oldest_first: bool,
}

impl Inbox {
    /// The embedded platform's mailbox.
    pub fn of_embedded(url: &str) -> Self {
        Self { client: Client::new(url, None), path: "/_local/mail", is_oldest_first: false }
    }

    /// A deployed platform's mail: `PLINTH_MAIL_URL` is the emulator that stands in for SES; without it the
    /// address is asked like an embedded platform's.
    pub fn of_deployed(url: &str) -> Self {
        match std::env::var("PLINTH_MAIL_URL") {
            Ok(emulator) => Self {
                client: Client::new(&emulator, None),
                path: "/_ministack/ses/messages",
                is_oldest_first: true,
            },
            Err(_) => Self::of_embedded(url),
        }
    }

    /// The token in the newest mail to this address, as soon as there is one.
    pub async fn token(&self, to: &str) -> String {
        eventually(|| async { self.tokens(to).await.into_iter().next() }).await
    }

    /// The tokens of all links mailed to this address, newest first.
    async fn tokens(&self, to: &str) -> Vec<String> {
        self.mails(to).await.iter().filter_map(|text| token_in(text)).collect()
    }

    /// How many mails went to this address.
    pub async fn count(&self, to: &str) -> usize {
        self.mails(to).await.len()
    }

    /// The mails to this address as text, newest first.
    async fn mails(&self, to: &str) -> Vec<String> {
        let answer = self.client.request(Method::GET, self.path, &[]).send().await;
        let mails: Value = answer.unwrap().json().await.unwrap_or_default();
        let mut found = Vec::new();
        collect_mails(&mails, to, &mut found);
        if self.is_oldest_first {
            found.reverse();
        }
        found
    }
}

/// Every object in the document that looks like a mail to this address, as text. Mailboxes differ in
/// shape; that an address and a link stand in one object does not.
fn collect_mails(value: &Value, to: &str, found: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect_mails(item, to, found)),
        Value::Object(fields) => {
            let text = value.to_string();
            if text.contains(to) && fields.values().any(Value::is_string) {
                found.push(text);
            } else {
                fields.values().for_each(|field| collect_mails(field, to, found));
            }
        }
        _ => {}
    }
}

fn token_in(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("token=")?;
    let is_token = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let end = rest.find(|c| !is_token(c)).unwrap_or(rest.len());
    Some(rest[..end].to_owned())
}
