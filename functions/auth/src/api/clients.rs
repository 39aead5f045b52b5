mod bodies;

use axum::{Json, extract::State, response::IntoResponse};
use http::{StatusCode, header};
use kernel::{
    caller::Caller,
    etag::{IfMatch, IfNoneMatch, Versioned},
    http::{JsonBody, PathParams, QueryParams},
    id::ClientId,
    page::Page,
    problem::Problem,
};

use self::bodies::{
    ClientView, ClientWithSecret, CreateClientBody, ListClients, RotateSecretBody, UpdateClientBody,
};
use super::App;

/// Create a service client
///
/// A machine that acts for the tenant, with scopes that its maker holds. The secret is shown this once.
#[utoipa::path(
    post,
    path = "/api/v1/auth/clients",
    request_body = CreateClientBody,
    responses(
        (status = 201, description = "The client", body = ClientWithSecret, headers(
            ("ETag" = String, description = "Its version"),
            ("Location" = String, description = "Its path"),
        )),
        (status = 403, description = "`role.escalation`: a permission that the caller does not hold"),
    ),
)]
pub async fn create_client(
    State(service): App,
    caller: Caller,
    JsonBody(body): JsonBody<CreateClientBody>,
) -> Result<impl IntoResponse, Problem> {
    let (client, secret) = service.create_client(&caller, body.parse()?).await?;
    let location = [(header::LOCATION, format!("/api/v1/auth/clients/{}", client.id))];
    let version = client.version;
    let answer = ClientWithSecret::new(client, secret, service.clock.now());
    Ok((location, Versioned::created(version, answer)))
}

/// List the service clients
///
/// Newest first.
#[utoipa::path(
    get,
    path = "/api/v1/auth/clients",
    params(ListClients),
    responses((status = 200, description = "A page of clients", body = Page<ClientView>)),
)]
pub async fn list_clients(
    State(service): App,
    caller: Caller,
    QueryParams(query): QueryParams<ListClients>,
) -> Result<Json<Page<ClientView>>, Problem> {
    let ListClients { limit, cursor } = query;
    let page = service.list_clients(caller.tenant, limit, cursor.as_deref()).await?;
    let now = service.clock.now();
    Ok(Json(page.map(|client| ClientView::new(client, now))))
}

/// Get a service client
#[utoipa::path(
    get,
    path = "/api/v1/auth/clients/{id}",
    params(
        ("id" = ClientId, Path, description = "The client"),
        ("If-None-Match" = Option<String>, Header, description = "Entity tags that the client has"),
    ),
    responses(
        (status = 200, description = "The client", body = ClientView,
            headers(("ETag" = String, description = "Its version"))),
        (status = 304, description = "The client has this version"),
        (status = 404, description = "`auth.client_not_found`"),
    ),
)]
pub async fn get_client(
    State(service): App,
    caller: Caller,
    PathParams(id): PathParams<ClientId>,
    known: IfNoneMatch,
) -> Result<Versioned<ClientView>, Problem> {
    let client = service.get_client(caller.tenant, id).await?;
    let version = client.version;
    Ok(Versioned::ok(version, ClientView::new(client, service.clock.now())).unless(&known))
}

/// Change a service client
///
/// Only by somebody who holds all its scopes, those before and those after. What is taken away or disabled
/// stops working within a minute.
#[utoipa::path(
    patch,
    path = "/api/v1/auth/clients/{id}",
    params(
        ("id" = ClientId, Path, description = "The client"),
        ("If-Match" = Option<String>, Header, description = "The version that shall be changed"),
    ),
    request_body = UpdateClientBody,
    responses(
        (status = 200, description = "The client", body = ClientView,
            headers(("ETag" = String, description = "Its version"))),
        (status = 403, description = "`role.escalation`: a permission that the caller does not hold"),
        (status = 404, description = "`auth.client_not_found`"),
    ),
)]
pub async fn update_client(
    State(service): App,
    caller: Caller,
    PathParams(id): PathParams<ClientId>,
    expected: IfMatch,
    JsonBody(body): JsonBody<UpdateClientBody>,
) -> Result<Versioned<ClientView>, Problem> {
    let client = service.update_client(&caller, id, &expected, body.parse()?).await?;
    let version = client.version;
    Ok(Versioned::ok(version, ClientView::new(client, service.clock.now())))
}

/// Delete a service client
///
/// Only by somebody who holds all its scopes. Its tokens stop working within a minute.
#[utoipa::path(
    delete,
    path = "/api/v1/auth/clients/{id}",
    params(
        ("id" = ClientId, Path, description = "The client"),
        ("If-Match" = Option<String>, Header, description = "The version that shall be deleted"),
    ),
    responses(
        (status = 204, description = "It is gone"),
        (status = 403, description = "`role.escalation`: a permission that the caller does not hold"),
        (status = 404, description = "`auth.client_not_found`"),
    ),
)]
pub async fn delete_client(
    State(service): App,
    caller: Caller,
    PathParams(id): PathParams<ClientId>,
    expected: IfMatch,
) -> Result<StatusCode, Problem> {
    service.delete_client(&caller, id, &expected).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Give a service client a new secret
///
/// Only by somebody who holds all its scopes. The secret before works on for the overlap; one still
/// older ends at once. The new one is shown this once.
#[utoipa::path(
    post,
    path = "/api/v1/auth/clients/{id}/secret",
    params(
        ("id" = ClientId, Path, description = "The client"),
        ("If-Match" = Option<String>, Header, description = "The version that shall be changed"),
    ),
    request_body = RotateSecretBody,
    responses(
        (status = 200, description = "The client", body = ClientWithSecret,
            headers(("ETag" = String, description = "Its version"))),
        (status = 403, description = "`role.escalation`: a permission that the caller does not hold"),
        (status = 404, description = "`auth.client_not_found`"),
        (status = 412, description = "The client has changed"),
    ),
)]
pub async fn rotate_client_secret(
    State(service): App,
    caller: Caller,
    PathParams(id): PathParams<ClientId>,
    expected: IfMatch,
    JsonBody(body): JsonBody<RotateSecretBody>,
) -> Result<Versioned<ClientWithSecret>, Problem> {
    let rotated = service.rotate_client_secret(&caller, id, &expected, body.parse()?);
    let (client, secret) = rotated.await?;
    let version = client.version;
    Ok(Versioned::ok(version, ClientWithSecret::new(client, secret, service.clock.now())))
}
