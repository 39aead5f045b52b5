//! The local mailbox, as JSON and as a page. Only the embedded platform has it.

use std::{net::IpAddr, sync::Arc};

use axum::{
    Json, Router,
    extract::{Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use embedded::{Mailbox, StoredMail};
use http::header;
use kernel::{
    caller::Gateway,
    http::QueryParams,
    problem::{NOT_FOUND, Problem},
};
use serde::{Deserialize, Serialize};

use minijinja::{Environment, value::Serde};
use ops::pages::{LAYOUT, page};

const OWN_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

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
        .route_layer(middleware::from_fn(from_this_machine))
        .with_state(mailbox)
}

/// Mail holds links that open accounts: only this machine may read it, and only under a name of its
/// own, so that no web page gets here by rebinding its name to this address.
async fn from_this_machine(request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Gateway>().and_then(|gateway| gateway.ip_address.clone());
    let is_near = peer.and_then(|ip| ip.parse().ok()).is_some_and(|ip: IpAddr| ip.is_loopback());
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let name = host.map(|host| host.rsplit_once(':').map_or(host, |(name, _)| name));
    if is_near && name.is_some_and(|name| OWN_NAMES.contains(&name)) {
        next.run(request).await
    } else {
        NOT_FOUND.problem("no such route").into_response()
    }
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
    Ok(page(render(&Shown { mails, to })))
}

async fn find(mailbox: &Mailbox, to: Option<&str>) -> Result<Vec<StoredMail>, Problem> {
    mailbox.list(to, SHOWN).await.map_err(Problem::internal)
}

fn render(shown: &Shown<'_>) -> String {
    let mut templates = Environment::new();
    for (name, source) in [("layout.html", LAYOUT), ("mailbox.html", include_str!("mailbox.html"))]
    {
        templates.add_template(name, source).expect("our templates parse");
    }
    let template = templates.get_template("mailbox.html").expect("it is in the list above");
    template.render(Serde(shown)).expect("our templates render what we give them")
}
