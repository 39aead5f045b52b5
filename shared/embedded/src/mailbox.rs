//! The local mailbox: mail that is sent stays here, to be read by whoever tries the platform out.

use std::{path::Path, sync::Arc};

use async_trait::async_trait;
use jiff::Timestamp;
use kernel::{
    clock::Clock,
    mail::{Mail, MailError, Mailer},
};
use rusqlite::Row;
use serde::Serialize;

use crate::{sqlite::Sqlite, store::StoreError};

/// `recipient` is the address in lower case, by which mail is found.
const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS mails (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        recipient TEXT NOT NULL,
        address TEXT NOT NULL,
        subject TEXT NOT NULL,
        text TEXT NOT NULL,
        html TEXT NOT NULL,
        sent_at INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX IF NOT EXISTS mails_by_recipient ON mails (recipient, number);";

/// All mail that was sent, in `mailbox.sqlite`.
#[derive(Clone)]
pub struct Mailbox {
    sqlite: Sqlite,
    clock: Arc<dyn Clock>,
}

/// A message in the mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StoredMail {
    pub id: String,
    pub to: String,
    pub subject: String,
    pub text: String,
    pub html: String,
    /// Every address of a page in the text, in order.
    pub links: Vec<String>,
    pub sent_at: Timestamp,
}

impl Mailbox {
    /// Opens the mailbox in the store's folder.
    ///
    /// # Errors
    /// When the file cannot be used.
    pub fn open(folder: &Path, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let sqlite = Sqlite::open(&folder.join("mailbox.sqlite"), SCHEMA)?;
        Ok(Self { sqlite, clock })
    }

    /// The mail to one address (in any case) or to all, newest first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn list(
        &self,
        to: Option<&str>,
        limit: usize,
    ) -> Result<Vec<StoredMail>, StoreError> {
        let recipient = to.map(str::to_lowercase);
        let filter = if recipient.is_some() { "recipient = ?1" } else { "?1 IS NULL" };
        let sql = format!(
            "SELECT id, address, subject, text, html, sent_at FROM mails WHERE {filter}
             ORDER BY number DESC LIMIT ?2"
        );
        self.sqlite
            .run(move |sqlite| {
                sqlite
                    .prepare_cached(&sql)?
                    .query_map((recipient, limit), StoredMail::read)?
                    .collect()
            })
            .await
    }
}

#[async_trait]
impl Mailer for Mailbox {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let Mail { id, to, subject, text, html } = mail.clone();
        let sent_at = self.clock.now().as_millisecond();
        let sql = "INSERT INTO mails (id, recipient, address, subject, text, html, sent_at)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (id) DO NOTHING";
        let stored = self.sqlite.run(move |sqlite| {
            let values = (id, to.to_lowercase(), to, subject, text, html, sent_at);
            sqlite.prepare_cached(sql)?.execute(values)
        });
        stored.await.map(drop).map_err(|error| MailError(error.to_string()))
    }
}

impl StoredMail {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let text: String = row.get("text")?;
        Ok(Self {
            id: row.get("id")?,
            to: row.get("address")?,
            subject: row.get("subject")?,
            html: row.get("html")?,
            links: links(&text).map(str::to_owned).collect(),
            text,
            sent_at: Timestamp::from_millisecond(row.get("sent_at")?).unwrap_or_default(),
        })
    }
}

/// What mail programs make clickable: from the scheme to the next white space or quote, without the
/// punctuation of the sentence around it.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let ends = |c: char| c.is_whitespace() || c.is_control() || "<>\"'`".contains(c);
    text.split(ends).filter_map(|word| {
        let start = ["https://", "http://"].iter().filter_map(|scheme| word.find(scheme)).min()?;
        let link = word[start..].trim_end_matches(['.', ',', ';', ':', '!', '?', ')', ']', '}']);
        let (_, rest) = link.split_once("://")?;
        (!rest.is_empty()).then_some(link)
    })
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use kernel::clock::ManualClock;

    use super::*;

    fn mail(id: &str, to: &str, text: &str) -> Mail {
        Mail {
            id: id.to_owned(),
            to: to.to_owned(),
            subject: "Hello".to_owned(),
            text: text.to_owned(),
            html: format!("<p>{text}</p>"),
        }
    }

    #[tokio::test]
    async fn mail_is_listed_newest_first_and_found_by_address_in_any_case() {
        let folder = tempfile::tempdir().unwrap();
        let clock = ManualClock::at(Timestamp::UNIX_EPOCH);
        let mailbox = Mailbox::open(folder.path(), Arc::new(clock.clone())).unwrap();
        mailbox.send(&mail("1", "Äda@Example.org", "first")).await.unwrap();
        clock.advance(SignedDuration::from_secs(60));
        mailbox.send(&mail("2", "bob@example.org", "second")).await.unwrap();
        mailbox.send(&mail("3", "äda@example.org", "third")).await.unwrap();

        let ids = |mails: Vec<StoredMail>| mails.into_iter().map(|m| m.id).collect::<Vec<_>>();
        assert_eq!(ids(mailbox.list(None, 2).await.unwrap()), ["3", "2"]);
        let found = mailbox.list(Some("ÄDA@example.ORG"), 10).await.unwrap();
        assert_eq!(found[1].to, "Äda@Example.org");
        assert_eq!(found[0].sent_at.as_second(), 60);
        assert_eq!(ids(found), ["3", "1"]);
        assert_eq!(mailbox.list(Some("nobody@example.org"), 10).await.unwrap(), []);
    }

    #[tokio::test]
    async fn mail_sent_twice_is_there_once_and_stays_over_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let open = || {
            let clock = ManualClock::at(Timestamp::UNIX_EPOCH);
            Mailbox::open(folder.path(), Arc::new(clock)).unwrap()
        };
        open().send(&mail("1", "ada@example.org", "first")).await.unwrap();
        open().send(&mail("1", "ada@example.org", "again")).await.unwrap();
        let mails = open().list(None, 10).await.unwrap();
        assert_eq!(mails.len(), 1);
        assert_eq!(mails[0].text, "first");
    }

    #[test]
    fn links_are_found_without_the_sentence_around_them() {
        let text = "Verify (https://a.example/v?token=x-_y&z=1), or see http://localhost:8080/#/r.\n\
                    Not: https:// nor ftp://b.example, but <https://c.example/d>!";
        let found: Vec<_> = links(text).collect();
        let expected = [
            "https://a.example/v?token=x-_y&z=1",
            "http://localhost:8080/#/r",
            "https://c.example/d",
        ];
        assert_eq!(found, expected);
    }
}
