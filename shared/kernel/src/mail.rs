//! The port through which mail leaves.

use async_trait::async_trait;

/// One message, ready to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// Given by the sender; sending the same id twice delivers once where the transport can tell.
    pub id: String,
    pub to: String,
    pub subject: String,
    pub text: String,
    pub html: String,
}

/// Sends mail: SES on AWS, the local mailbox in the embedded platform.
#[async_trait]
pub trait Mailer: Send + Sync + 'static {
    /// # Errors
    /// When the transport did not take the message; it may be tried again.
    async fn send(&self, mail: &Mail) -> Result<(), MailError>;
}

/// The transport did not take the message.
#[derive(Debug, thiserror::Error)]
#[error("mail transport: {0}")]
pub struct MailError(pub String);
