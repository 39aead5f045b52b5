use contracts::events::{
    Contact, MailPurpose, PasswordResetRequested, UserCreated, UserMailRequested,
};
use kernel::{
    caller::Tenant,
    event::Envelope,
    mail::{Mail, MailError},
};

use super::Identity;
use crate::{letters::Letter, link::Purpose};

/// Why a mail that is due was not sent.
#[derive(Debug, thiserror::Error)]
pub enum MailingError {
    #[error(transparent)]
    Transport(#[from] MailError),
    #[error(transparent)]
    Store(#[from] aws::StoreError),
    #[error("a mail with a link is requested without naming the link")]
    NoLink,
}

impl Identity {
    /// Mails the link that proves a new account's address, if it needs proof.
    pub async fn welcome(
        &self,
        event: &Envelope,
        created: &UserCreated,
    ) -> Result<(), MailingError> {
        match &created.verification_nonce {
            Some(nonce) => {
                self.send_link(event, &created.personal, Purpose::Verification, nonce).await
            }
            None => Ok(()),
        }
    }

    /// Sends a mail that somebody asked for.
    pub async fn send_requested(
        &self,
        event: &Envelope,
        requested: &UserMailRequested,
    ) -> Result<(), MailingError> {
        match (requested.purpose, &requested.nonce) {
            (MailPurpose::AlreadyRegistered, _) => {
                self.send(event, &requested.personal, &Letter::AlreadyRegistered).await
            }
            (MailPurpose::Verification, Some(nonce)) => {
                self.send_link(event, &requested.personal, Purpose::Verification, nonce).await
            }
            (MailPurpose::Verification, None) => Err(MailingError::NoLink),
        }
    }

    /// Mails the link with which a new password can be set.
    pub async fn send_reset_link(
        &self,
        event: &Envelope,
        requested: &PasswordResetRequested,
    ) -> Result<(), MailingError> {
        self.send_link(event, &requested.personal, Purpose::Reset, &requested.nonce).await
    }

    async fn send_link(
        &self,
        event: &Envelope,
        to: &Contact,
        purpose: Purpose,
        nonce: &str,
    ) -> Result<(), MailingError> {
        let token = self.links.token(purpose, nonce);
        let address = self.links.address(purpose, &token);
        let lasts = self.links.lasts(purpose);
        self.send(event, to, &Letter::Link { purpose, address, token, lasts }).await
    }

    /// Sends a letter once, however often its event comes. Only a crash between sending and noting
    /// it sends it twice, and a transport that knows the id of the first does not even then.
    async fn send(
        &self,
        event: &Envelope,
        to: &Contact,
        letter: &Letter,
    ) -> Result<(), MailingError> {
        let tenant = Tenant::of_event(event);
        if self.store.is_mail_sent(tenant, event).await? {
            return Ok(());
        }
        let written = self.letters.write(letter, &to.name);
        let mail = Mail {
            id: event.id.to_string(),
            to: to.email.clone(),
            subject: written.subject,
            text: written.text,
            html: written.html,
        };
        self.mailer.send(&mail).await?;
        Ok(self.store.note_mail_sent(tenant, event, self.clock.now()).await?)
    }
}
