use axum::{Json, extract::State};
use contracts::authz::RoleRef;
use kernel::{
    caller::Caller,
    http::JsonBody,
    id::UserId,
    problem::Problem,
    validate::{Invalid, Violations},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Api;
use crate::{
    permission::find_permission,
    service::{Question, Verdict},
};

const MAX_CHECKS: usize = 100;

/// A question.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PermissionCheck {
    /// Code of the permission.
    #[schema(min_length = 1, max_length = 200, example = "user.delete")]
    permission: String,
    /// About whom; the caller when absent. Anybody else needs the permission `authz.check`.
    user_id: Option<UserId>,
}

/// Several questions.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PermissionChecks {
    #[schema(min_items = 1, max_items = 100)]
    checks: Vec<PermissionCheck>,
}

/// What decided.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ReasonKind {
    /// A role of the user holds the permission.
    Role,
    /// The scopes of the service client or API key that asks about itself.
    Scope,
    /// Nothing allows it.
    None,
}

/// Why it is so.
#[derive(Debug, Serialize, ToSchema)]
struct Reason {
    kind: ReasonKind,
    /// The role that holds the permission; `null` when none does.
    #[schema(required)]
    role: Option<RoleRef>,
}

/// The answer to a question.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PermissionDecision {
    allowed: bool,
    reason: Reason,
}

/// The answers, in the order of the questions.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PermissionDecisions {
    #[schema(min_items = 1, max_items = 100)]
    results: Vec<PermissionDecision>,
}

impl From<Verdict> for PermissionDecision {
    fn from(verdict: Verdict) -> Self {
        let (allowed, kind, role) = match verdict {
            Verdict::ByRole(role) => (true, ReasonKind::Role, Some(role)),
            Verdict::ByScope => (true, ReasonKind::Scope, None),
            Verdict::No => (false, ReasonKind::None, None),
        };
        Self { allowed, reason: Reason { kind, role } }
    }
}

impl PermissionCheck {
    fn parse(self, pointer: &str, violations: &mut Violations) -> Option<Question> {
        let Self { permission, user_id } = self;
        let found = find_permission(&permission);
        let found = violations.field(&format!("{pointer}/permission"), found)?;
        Some(Question { user: user_id, permission: found.code })
    }
}

/// Check a permission
///
/// Whether the caller, or somebody else of the tenant, may do something, and by which role. Somebody
/// who was never given or taken a role is answered with no unless they ask for themselves: only the
/// identity service could say whether they exist.
#[utoipa::path(
    post,
    path = "/api/v1/authz/check",
    operation_id = "check_permission",
    request_body = PermissionCheck,
    responses(
        (status = 200, description = "The decision", body = PermissionDecision),
        (status = 403, description = "A question about somebody else without `authz.check`"),
        (status = 422, description = "No such permission"),
    ),
)]
pub(super) async fn check_permission(
    State(api): State<Api>,
    caller: Caller,
    JsonBody(body): JsonBody<PermissionCheck>,
) -> Result<Json<PermissionDecision>, Problem> {
    let mut violations = Violations::default();
    let question = body.parse("", &mut violations);
    violations.finish()?;
    let questions: Vec<Question> = question.into_iter().collect();
    let verdicts = api.service.check_permissions(&caller, &questions).await?;
    let verdict = verdicts.into_iter().next();
    let verdict = verdict.ok_or_else(|| Problem::internal("a question was not answered"))?;
    Ok(Json(verdict.into()))
}

/// Check several permissions
///
/// As many single checks, answered in their order.
#[utoipa::path(
    post,
    path = "/api/v1/authz/check/batch",
    operation_id = "check_permissions",
    request_body = PermissionChecks,
    responses(
        (status = 200, description = "The decisions, in order", body = PermissionDecisions),
        (status = 403, description = "A question about somebody else without `authz.check`"),
        (status = 422, description = "No such permission, no question, or more than 100"),
    ),
)]
pub(super) async fn check_permissions(
    State(api): State<Api>,
    caller: Caller,
    JsonBody(body): JsonBody<PermissionChecks>,
) -> Result<Json<PermissionDecisions>, Problem> {
    let PermissionChecks { checks } = body;
    if !(1..=MAX_CHECKS).contains(&checks.len()) {
        let detail = format!("must have 1 to {MAX_CHECKS} items");
        return Err(Invalid::new("checks.count", detail).at("/checks"));
    }
    let mut violations = Violations::default();
    let questions = checks.into_iter().enumerate();
    let questions: Vec<Question> = questions
        .filter_map(|(index, check)| check.parse(&format!("/checks/{index}"), &mut violations))
        .collect();
    violations.finish()?;
    let verdicts = api.service.check_permissions(&caller, &questions).await?;
    let results = verdicts.into_iter().map(PermissionDecision::from).collect();
    Ok(Json(PermissionDecisions { results }))
}
