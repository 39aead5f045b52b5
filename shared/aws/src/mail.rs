//! Mail through SES.

use async_trait::async_trait;
use aws_sdk_sesv2::{
    Client,
    error::BuildError,
    types::{Body, Content, Destination, EmailContent, Message, MessageHeader},
};
use kernel::mail::{Mail, MailError, Mailer};

use crate::sdk::chain;

/// Sends mail by SES. SES knows no idempotency: a message sent twice arrives twice, with the same
/// id in its `X-Entity-Ref-ID`.
#[derive(Debug, Clone)]
pub struct SesMailer {
    client: Client,
    from: String,
}

impl SesMailer {
    /// `from` is an address of a verified identity, or `Name <address>`.
    pub fn new(client: Client, from: impl Into<String>) -> Self {
        Self { client, from: from.into() }
    }
}

#[async_trait]
impl Mailer for SesMailer {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let message = message(mail).map_err(|error| MailError(error.to_string()))?;
        let request = self
            .client
            .send_email()
            .from_email_address(&self.from)
            .destination(Destination::builder().to_addresses(&mail.to).build())
            .content(EmailContent::builder().simple(message).build());
        request.send().await.map(drop).map_err(|error| MailError(chain(&error)))
    }
}

fn message(mail: &Mail) -> Result<Message, BuildError> {
    let text = |data: &str| Content::builder().data(data).charset("UTF-8").build();
    let header = |name: &str, value: &str| MessageHeader::builder().name(name).value(value).build();
    let body = Body::builder().text(text(&mail.text)?).html(text(&mail.html)?).build();
    let message = Message::builder()
        .subject(text(&mail.subject)?)
        .body(body)
        // Keeps out-of-office answers away (RFC 3834).
        .headers(header("Auto-Submitted", "auto-generated")?)
        .headers(header("X-Entity-Ref-ID", &mail.id)?);
    Ok(message.build())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::replay;

    fn mail() -> Mail {
        Mail {
            id: "0198".to_owned(),
            to: "ada@example.org".to_owned(),
            subject: "Grüße".to_owned(),
            text: "plain".to_owned(),
            html: "<p>rich</p>".to_owned(),
        }
    }

    #[tokio::test]
    async fn a_mail_is_sent_as_text_and_html_from_the_configured_address() {
        let (config, replay) = replay::config([(200, json!({"MessageId": "1"}))]);
        let mailer = SesMailer::new(Client::new(&config), "Plinth <no-reply@example.org>");
        mailer.send(&mail()).await.unwrap();
        let request = &replay.requests()[0];
        assert_eq!(request["FromEmailAddress"], "Plinth <no-reply@example.org>");
        assert_eq!(request["Destination"]["ToAddresses"], json!(["ada@example.org"]));
        let message = &request["Content"]["Simple"];
        assert_eq!(message["Subject"]["Data"], "Grüße");
        assert_eq!(message["Body"]["Text"]["Data"], "plain");
        assert_eq!(message["Body"]["Html"]["Data"], "<p>rich</p>");
        assert_eq!(message["Headers"][1], json!({"Name": "X-Entity-Ref-ID", "Value": "0198"}));
    }

    #[tokio::test]
    async fn a_refused_mail_is_an_error_that_says_why() {
        let refusal = json!({
            "message": "Email address is not verified.",
            "__headers": {"x-amzn-errortype": "MessageRejected"},
        });
        let (config, _) = replay::config([(400, refusal)]);
        let mailer = SesMailer::new(Client::new(&config), "nobody@example.org");
        let error = mailer.send(&mail()).await.unwrap_err().to_string();
        assert!(error.contains("not verified"), "{error}");
    }
}
