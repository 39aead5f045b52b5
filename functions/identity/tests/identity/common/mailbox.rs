use std::sync::{
    Mutex,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use kernel::mail::{Mail, MailError, Mailer};

/// Keeps the mails that were sent.
#[derive(Default)]
pub struct Mailbox {
    mails: Mutex<Vec<Mail>>,
    is_broken: AtomicBool,
}

impl Mailbox {
    /// From now on, takes no mails, or takes them again.
    pub fn set_broken(&self, is_broken: bool) {
        self.is_broken.store(is_broken, Ordering::SeqCst);
    }

    /// The mails to an address, oldest first.
    pub fn to(&self, address: &str) -> Vec<Mail> {
        let mails = self.mails.lock().unwrap();
        mails.iter().filter(|mail| mail.to == address).cloned().collect()
    }

    /// The token in the last mail to an address.
    #[track_caller]
    pub fn last_token(&self, address: &str) -> String {
        let mails = self.to(address);
        let mail = mails.last().expect("there is a mail to the address");
        let (_, rest) = mail.text.split_once("code: ").expect("the mail has a code");
        rest.lines().next().unwrap().to_owned()
    }
}

#[async_trait]
impl Mailer for Mailbox {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        if self.is_broken.load(Ordering::SeqCst) {
            return Err(MailError("the mailbox is full".to_owned()));
        }
        self.mails.lock().unwrap().push(mail.clone());
        Ok(())
    }
}
