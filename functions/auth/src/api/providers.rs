mod bodies;

use axum::{Json, extract::State, response::IntoResponse};
use http::{StatusCode, header};
use kernel::{
    caller::Caller,
    etag::{IfMatch, IfNoneMatch, Versioned},
    http::{JsonBody, PathParams, QueryParams},
    id::ProviderId,
    page::Page,
    problem::Problem,
};

use self::bodies::{CreateProvider, ListProviders, ProviderView, UpdateProvider};
use super::App;
use crate::{federation::provider::Provider, service::Service};

/// Set up an identity provider
///
/// Whoever may do this decides who signs in as whom, so at first only owners may. Register the
/// `callback_url` of the answer at the provider; it is
/// `{address}/api/v1/auth/oidc/{tenant id}.{slug}/callback`.
#[utoipa::path(
    post,
    path = "/api/v1/auth/providers",
    request_body = CreateProvider,
    responses(
        (status = 201, description = "The provider", body = ProviderView, headers(
            ("ETag" = String, description = "Its version"),
            ("Location" = String, description = "Its path"),
        )),
        (status = 409, description = "`auth.provider_slug_taken`"),
    ),
)]
pub async fn create_provider(
    State(service): App,
    caller: Caller,
    JsonBody(body): JsonBody<CreateProvider>,
) -> Result<impl IntoResponse, Problem> {
    let new = body.parse(service.federation.relying.reach())?;
    let provider = view(&service, &caller, service.create_provider(&caller, new).await?);
    let location = [(header::LOCATION, format!("/api/v1/auth/providers/{}", provider.id))];
    Ok((location, Versioned::created(provider.version, provider)))
}

/// List the identity providers
///
/// Oldest first.
#[utoipa::path(
    get,
    path = "/api/v1/auth/providers",
    params(ListProviders),
    responses((status = 200, description = "A page of providers", body = Page<ProviderView>)),
)]
pub async fn list_providers(
    State(service): App,
    caller: Caller,
    QueryParams(query): QueryParams<ListProviders>,
) -> Result<Json<Page<ProviderView>>, Problem> {
    let page = service.list_providers(&caller, query.limit, query.cursor.as_deref()).await?;
    Ok(Json(page.map(|provider| view(&service, &caller, provider))))
}

/// Get an identity provider
#[utoipa::path(
    get,
    path = "/api/v1/auth/providers/{id}",
    params(
        ("id" = ProviderId, Path, description = "Id of the provider"),
        ("If-None-Match" = Option<String>, Header, description = "Entity tags that the client has"),
    ),
    responses(
        (status = 200, description = "The provider", body = ProviderView,
            headers(("ETag" = String, description = "Its version"))),
        (status = 304, description = "The client has this version"),
        (status = 404, description = "`auth.provider_not_found`"),
    ),
)]
pub async fn get_provider(
    State(service): App,
    caller: Caller,
    PathParams(id): PathParams<ProviderId>,
    known: IfNoneMatch,
) -> Result<Versioned<ProviderView>, Problem> {
    let provider = view(&service, &caller, service.get_provider(&caller, id).await?);
    Ok(Versioned::ok(provider.version, provider).unless(&known))
}

/// Change an identity provider
///
/// Slug, preset and issuer stay: for others, set up another provider.
#[utoipa::path(
    patch,
    path = "/api/v1/auth/providers/{id}",
    params(
        ("id" = ProviderId, Path, description = "Id of the provider"),
        ("If-Match" = Option<String>, Header, description = "The version that shall be changed"),
    ),
    request_body = UpdateProvider,
    responses(
        (status = 200, description = "The provider", body = ProviderView,
            headers(("ETag" = String, description = "Its version"))),
        (status = 404, description = "`auth.provider_not_found`"),
    ),
)]
pub async fn update_provider(
    State(service): App,
    caller: Caller,
    PathParams(id): PathParams<ProviderId>,
    expected: IfMatch,
    JsonBody(body): JsonBody<UpdateProvider>,
) -> Result<Versioned<ProviderView>, Problem> {
    // What scopes are needed depends on the preset.
    let preset = service.get_provider(&caller, id).await?.preset;
    let patch = body.parse(preset)?;
    let provider = service.update_provider(&caller, id, &expected, patch).await?;
    let provider = view(&service, &caller, provider);
    Ok(Versioned::ok(provider.version, provider))
}

/// Remove an identity provider
///
/// Nobody signs in by it any more; sessions go on, and accounts stay linked with its issuer.
#[utoipa::path(
    delete,
    path = "/api/v1/auth/providers/{id}",
    params(
        ("id" = ProviderId, Path, description = "Id of the provider"),
        ("If-Match" = Option<String>, Header, description = "The version that shall be removed"),
    ),
    responses(
        (status = 204, description = "It is gone"),
        (status = 404, description = "`auth.provider_not_found`"),
    ),
)]
pub async fn delete_provider(
    State(service): App,
    caller: Caller,
    PathParams(id): PathParams<ProviderId>,
    expected: IfMatch,
) -> Result<StatusCode, Problem> {
    service.delete_provider(&caller, id, &expected).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn view(service: &Service, caller: &Caller, provider: Provider) -> ProviderView {
    let callback_url = service.federation.callback_url(caller.tenant, &provider.slug);
    ProviderView::new(provider, callback_url)
}
