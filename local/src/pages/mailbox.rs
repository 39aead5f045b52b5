//! The local mailbox, as JSON and as a page. Only the embedded platform has it.

use std::sync::Arc;

use axum::{Json, Router, extract::State, response::Response, routing::get};
use embedded::{Mailbox, StoredMail};
use kernel::{http::QueryParams, problem::Problem};
use serde::{Deserialize, Serialize};

use crate::gateway::ops::page;

/// How many messages are shown.
const SHOWN: usize = 200;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MailQuery {
    /// Only mail to this address.
    to: Option<String>,
}

/// What the page shows.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    mails: Vec<StoredMail>,
    to: Option<&'a str>,
}

pub fn router(mailbox: Arc<Mailbox>) -> Router {
    Router::new()
        .route("/_local/mail", get(list_mail))
        .route("/_local/", get(show_mail))
        .route("/_local", get(show_mail))
        .with_state(mailbox)
}

async fn list_mail(
    State(mailbox): State<Arc<Mailbox>>,
    QueryParams(query): QueryParams<MailQuery>,
) -> Result<Json<Vec<StoredMail>>, Problem> {
    Ok(Json(find(&mailbox, query.to.as_deref()).await?))
}

async fn show_mail(
    State(mailbox): State<Arc<Mailbox>>,
    QueryParams(query): QueryParams<MailQuery>,
) -> Result<Response, Problem> {
    let to = query.to.as_deref().filter(|to| !to.is_empty());
    let mails = find(&mailbox, to).await?;
    Ok(page(super::render("mailbox.html", Shown { mails, to })))
}

async fn find(mailbox: &Mailbox, to: Option<&str>) -> Result<Vec<StoredMail>, Problem> {
    mailbox.list(to, SHOWN).await.map_err(Problem::internal)
}
