use std::sync::Arc;

use axum::{Json, extract::State};
use kernel::{
    caller::Caller,
    etag::{IfNoneMatch, Versioned},
    http::{PathParams, QueryParams},
    id::EventId,
    page::{Limit, Page},
    problem::Problem,
    validate::{Invalid, Violations},
};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    entry::{Entry, Outcome},
    filter::{self, Filter},
    service::Service,
    verification::Verification,
};

pub fn router(service: Arc<Service>) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(list_audit_entries))
        .routes(routes!(get_audit_entry))
        .routes(routes!(verify_audit_chain))
        .with_state(service)
}

/// An entry never changes, so this is the only version that it will ever have.
const ONLY_VERSION: u64 = 1;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct EntriesQuery {
    /// Id of the one who did it.
    #[param(min_length = 1, max_length = 256, example = "019cebab-8995-77b9-830d-40bd57deeac1")]
    actor: Option<String>,
    /// An action, or the beginning of several: `user.created`, `user.`.
    #[param(min_length = 1, max_length = 100, example = "user.")]
    action: Option<String>,
    /// Kind of the thing that it was done to.
    #[param(min_length = 1, max_length = 100, example = "user")]
    resource: Option<String>,
    /// Id of the thing that it was done to.
    #[param(min_length = 1, max_length = 256)]
    resource_id: Option<String>,
    outcome: Option<Outcome>,
    /// Not before this time.
    #[param(value_type = Option<String>, format = DateTime, example = "2026-03-14T09:26:53Z")]
    from: Option<String>,
    /// Not after this time.
    #[param(value_type = Option<String>, format = DateTime, example = "2026-03-15T00:00:00Z")]
    to: Option<String>,
    /// Items per page.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 20)]
    limit: Limit,
    /// The `next_cursor` of the page before.
    #[param(max_length = 2048)]
    cursor: Option<String>,
}

impl EntriesQuery {
    fn filter(&self) -> Result<Filter, Problem> {
        let mut violations = Violations::default();
        let filter = Filter {
            actor: parse(&mut violations, "?actor", self.actor.as_deref(), filter::id),
            action: parse(&mut violations, "?action", self.action.as_deref(), filter::action),
            resource: parse(
                &mut violations,
                "?resource",
                self.resource.as_deref(),
                filter::resource,
            ),
            resource_id: parse(
                &mut violations,
                "?resource_id",
                self.resource_id.as_deref(),
                filter::id,
            ),
            outcome: self.outcome,
            from: parse(&mut violations, "?from", self.from.as_deref(), filter::time),
            to: parse(&mut violations, "?to", self.to.as_deref(), filter::time),
        };
        if let (Some(from), Some(to)) = (filter.from, filter.to)
            && from > to
        {
            violations.add("?from", Invalid::new("range.reversed", "must not be after `to`"));
        }
        violations.finish()?;
        Ok(filter)
    }
}

fn parse<T>(
    violations: &mut Violations,
    pointer: &str,
    given: Option<&str>,
    parser: fn(&str) -> Result<T, Invalid>,
) -> Option<T> {
    given.and_then(|text| violations.field(pointer, parser(text)))
}

/// Search the audit log
///
/// Newest first. A page of a search that matches little may be short, or empty, and still have a
/// `next_cursor`: there may be more further back.
#[utoipa::path(
    get,
    path = "/api/v1/audit/logs",
    params(EntriesQuery),
    responses((status = 200, description = "A page of entries", body = Page<Entry>)),
)]
async fn list_audit_entries(
    State(service): State<Arc<Service>>,
    caller: Caller,
    QueryParams(query): QueryParams<EntriesQuery>,
) -> Result<Json<Page<Entry>>, Problem> {
    let filter = query.filter()?;
    let page = service.list_entries(&caller, &filter, query.limit, query.cursor.as_deref()).await?;
    Ok(Json(page))
}

/// Get one entry of the audit log
#[utoipa::path(
    get,
    path = "/api/v1/audit/logs/{id}",
    params(("id" = EventId, Path, description = "Of the entry; the same as of the event it tells of")),
    responses(
        (status = 200, description = "The entry", body = Entry, headers(("ETag" = String))),
        (status = 304, description = "The client has it already"),
        (status = 404, description = "There is no such entry (`audit.entry_not_found`)"),
    ),
)]
async fn get_audit_entry(
    State(service): State<Arc<Service>>,
    caller: Caller,
    known: IfNoneMatch,
    PathParams(id): PathParams<EventId>,
) -> Result<Versioned<Entry>, Problem> {
    let entry = service.get_entry(&caller, id).await?;
    Ok(Versioned::ok(ONLY_VERSION, entry).unless(&known))
}

/// Prove that the audit log is unchanged
///
/// Walks the whole chain of the tenant. Names the first broken entry, if there is one. A log of millions of
/// entries takes longer than a request may: use `plinth audit verify`.
#[utoipa::path(
    get,
    path = "/api/v1/audit/verify",
    responses((status = 200, description = "What was found", body = Verification)),
)]
async fn verify_audit_chain(
    State(service): State<Arc<Service>>,
    caller: Caller,
) -> Result<Json<Verification>, Problem> {
    Ok(Json(service.verify_chain(&caller).await?))
}
