use std::sync::Arc;

use axum::{Json, body::Bytes, extract::State, response::IntoResponse};
use http::{HeaderMap, StatusCode, header};
use jiff::Timestamp;
use kernel::{
    caller::Caller,
    http::{PathParams, QueryParams},
    id::{ImportId, UserId},
    idempotency::NewId,
    page::{Limit, Page},
    problem::{MALFORMED, Problem, UNSUPPORTED_MEDIA_TYPE},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    import::{Import, LineReport},
    service::Service,
};

/// What an import is sent as: JSON, a line for each user.
const JSON_LINES: &str = "application/x-ndjson";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImportStatus {
    Running,
    Completed,
}

/// An import of users, and how far it is.
#[derive(Debug, Serialize, ToSchema)]
pub struct UserImport {
    id: ImportId,
    status: ImportStatus,
    started_by: UserId,
    /// Lines in all.
    #[schema(example = 3)]
    total: u32,
    /// Users that were made.
    #[schema(example = 1)]
    created: u32,
    /// Lines whose address had an account.
    #[schema(example = 1)]
    exists: u32,
    /// Lines that were not understood.
    #[schema(example = 1)]
    invalid: u32,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl From<Import> for UserImport {
    fn from(import: Import) -> Self {
        let is_completed = import.is_completed();
        let Import { id, started_by, total, created, exists, invalid, created_at, .. } = import;
        let status = if is_completed { ImportStatus::Completed } else { ImportStatus::Running };
        Self { id, status, started_by, total, created, exists, invalid, created_at }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListImportLinesQuery {
    #[serde(default)]
    #[param(value_type = u32, minimum = 1, maximum = 100, default = 20, required = false)]
    limit: Limit,
    /// `next_cursor` of the page before.
    #[param(max_length = 2048)]
    cursor: Option<String>,
}

/// Import users
///
/// A JSON object a line, at most 5,000 lines and 1 MiB: `email`, `first_name`, and if you like `last_name`,
/// `username`, `password_hash` (bcrypt, or argon2id or argon2i as a PHC string), `status` (`active`, the default:
/// you answer for the address; `pending`: the user gets a verification mail; or `suspended`) and `roles` (names or
/// ids; nobody can give roles with permissions that they do not hold). The users sign in with the passwords
/// that they have; those without a hash set one by a password reset. An address that has an account stays as
/// it is.
#[utoipa::path(
    post,
    path = "/api/v1/users/import",
    operation_id = "import_users",
    request_body(
        content = String, content_type = "application/x-ndjson",
        example = "{\"email\": \"grace@example.org\", \"first_name\": \"Grace\"}\n",
    ),
    responses(
        (status = 202, description = "The import has begun", body = UserImport,
            headers(("Location" = String, description = "Its path"))),
        (status = 415, description = "The body is no `application/x-ndjson`"),
        (status = 422, description = "No lines, or too many"),
    ),
)]
pub(super) async fn import_users(
    State(service): State<Arc<Service>>,
    caller: Caller,
    NewId(id): NewId<ImportId>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<impl IntoResponse, Problem> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case(JSON_LINES) {
        let detail = format!("send `Content-Type: {JSON_LINES}`, a JSON object a line");
        return Err(UNSUPPORTED_MEDIA_TYPE.problem(detail));
    }
    let text =
        std::str::from_utf8(&body).map_err(|_| MALFORMED.problem("the body is not UTF-8"))?;
    let import = UserImport::from(service.start_import(&caller, id, text).await?);
    let location = [(header::LOCATION, format!("/api/v1/users/imports/{}", import.id))];
    Ok((StatusCode::ACCEPTED, location, Json(import)))
}

/// See how far an import is
///
/// For 30 days.
#[utoipa::path(
    get,
    path = "/api/v1/users/imports/{id}",
    operation_id = "get_import",
    params(("id" = ImportId, Path, description = "The import's id")),
    responses(
        (status = 200, description = "The import", body = UserImport),
        (status = 404, description = "`user.import_not_found`"),
    ),
)]
pub(super) async fn get_import(
    State(service): State<Arc<Service>>,
    caller: Caller,
    PathParams(id): PathParams<ImportId>,
) -> Result<Json<UserImport>, Problem> {
    Ok(Json(service.find_import(caller.tenant, id).await?.into()))
}

/// See what came of an import's lines
///
/// In their order.
#[utoipa::path(
    get,
    path = "/api/v1/users/imports/{id}/lines",
    operation_id = "list_import_lines",
    params(("id" = ImportId, Path, description = "The import's id"), ListImportLinesQuery),
    responses(
        (status = 200, description = "A page of lines", body = Page<LineReport>),
        (status = 404, description = "`user.import_not_found`"),
    ),
)]
pub(super) async fn list_import_lines(
    State(service): State<Arc<Service>>,
    caller: Caller,
    PathParams(id): PathParams<ImportId>,
    QueryParams(query): QueryParams<ListImportLinesQuery>,
) -> Result<Json<Page<LineReport>>, Problem> {
    let ListImportLinesQuery { limit, cursor } = query;
    let page = service.list_import_lines(caller.tenant, id, limit, cursor.as_deref()).await?;
    Ok(Json(page))
}
