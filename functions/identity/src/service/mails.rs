use std::sync::Arc;

use contracts::events::{
    Contact, MailPurpose, PasswordResetRequested, UserCreated, UserMailRequested,
};
use kernel::{
    caller::Tenant,
    client::CallError,
    event::Envelope,
    id::UserId,
    mail::{Mail, MailError},
};

use super::Service;
use crate::letters::{Letter, Notice, Topic};

/// Why a mail that is due was not sent.
#[derive(Debug, thiserror::Error)]
pub enum MailingError {
    #[error(transparent)]
    Transport(#[from] MailError),
    #[error(transparent)]
    Store(#[from] aws::StoreError),
    /// Whether the tenant wants the mail is not known.
    #[error(transparent)]
    Tenant(#[from] Arc<CallError>),
    #[error("a mail with a link is requested without naming the link")]
    NoLink,
}

impl Service {
    /// Mails the link that proves a new account's address, if it needs proof.
    pub async fn welcome(
        &self,
        event: &Envelope,
        created: &UserCreated,
    ) -> Result<(), MailingError> {
        match &created.verification_nonce {
            Some(nonce) => {
                self.send_link(event, &created.personal, Topic::Verification, nonce).await
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
        let topic = match requested.purpose {
            MailPurpose::AlreadyRegistered => {
                return self.send(event, &requested.personal, &Letter::AlreadyRegistered).await;
            }
            MailPurpose::AddressWanted => {
                return self.send(event, &requested.personal, &Letter::AddressWanted).await;
            }
            MailPurpose::Verification => Topic::Verification,
            MailPurpose::VerificationOnly => Topic::VerificationOnly,
            MailPurpose::Registration => Topic::Registration,
            MailPurpose::EmailChange => Topic::EmailChange,
            MailPurpose::EmailChangeNotice => Topic::EmailChangeNotice,
            MailPurpose::EmailChanged => Topic::EmailChanged,
        };
        let nonce = requested.nonce.as_ref().ok_or(MailingError::NoLink)?;
        self.send_link(event, &requested.personal, topic, nonce).await
    }

    /// Tells a user that something about the security of their account has changed, unless their tenant
    /// does without such mails. (Those with a link are no such mails: without them, nothing works.)
    pub async fn tell_of_change(
        &self,
        event: &Envelope,
        user: UserId,
        notice: Notice,
    ) -> Result<(), MailingError> {
        if !self.wants_security_mail(event).await? {
            return Ok(());
        }
        let found = self.store.find(Tenant::of_event(event), user).await?;
        let Some(account) = found.filter(|account| !account.is_deleted()) else { return Ok(()) };
        let ip_address = event.actor.ip_address.clone();
        let letter = Letter::Security { notice, at: event.time, ip_address };
        self.send(event, &account.contact(), &letter).await
    }

    async fn wants_security_mail(&self, event: &Envelope) -> Result<bool, MailingError> {
        let tenant = Tenant::of_event(event).id();
        let read = async || {
            let found = self.tenants.find(&event.origin(), tenant).await?;
            Ok::<_, CallError>(found.is_none_or(|tenant| tenant.settings.security_mail))
        };
        Ok(self.security_mail.get(format!("tenant:{tenant}:security_mail"), read).await?)
    }

    /// Mails the link with which a new password can be set.
    pub async fn send_reset_link(
        &self,
        event: &Envelope,
        requested: &PasswordResetRequested,
    ) -> Result<(), MailingError> {
        self.send_link(event, &requested.personal, Topic::Reset, &requested.nonce).await
    }

    async fn send_link(
        &self,
        event: &Envelope,
        to: &Contact,
        topic: Topic,
        nonce: &str,
    ) -> Result<(), MailingError> {
        let purpose = topic.purpose();
        let token = self.links.token(purpose, nonce);
        let address = self.links.address(purpose, &token);
        let lasts = self.links.lasts(purpose);
        self.send(event, to, &Letter::Link { topic, address, token, lasts }).await
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
