//! Routes: paths that the gateway understands, each once, open to permissions that exist.

use std::collections::{BTreeMap, BTreeSet};

use super::suggest::did_you_mean;
use super::{Declared, shape};
use crate::problem::Problems;
use crate::render::logical_id;
use crate::{Access, Manifest, Method, Modules, Route, order};

pub(super) fn check(modules: &Modules, problems: &mut Problems) {
    let permissions = permissions(modules);
    let mut paths = Declared::default();
    let mut ids = Declared::default();
    for (name, module) in modules {
        let reachable = order::reachable(modules, name);
        for (i, route) in module.routes.iter().enumerate() {
            let field = format!("routes[{i}].path");
            if let Err(message) = check_path(&route.path) {
                problems.add(name, &field, message);
            }
            let id = logical_id(route);
            if let Some(first) = paths.add(normalised(route), name, &field) {
                let message = format!("{} is already declared in {first}", normalised(route));
                problems.add(name, &field, message);
            } else if let Some(first) = ids.add(&id, name, &field) {
                // A number would make it unique, and move to another route with the next change.
                let message = format!("needs the same logical id {id} as {first}; rename one");
                problems.add(name, &field, message);
            }
            if route.idempotency_key
                && let Err(message) = check_key(route, module)
            {
                problems.add(name, format!("routes[{i}].idempotency_key"), message);
            }
            if let Access::Permission(code) = &route.access
                && let Err(message) = check_permission(code, name, &permissions, &reachable)
            {
                problems.add(name, format!("routes[{i}].permission"), message);
            }
        }
    }
}

/// Every permission with the module that declares it.
fn permissions(modules: &Modules) -> BTreeMap<&str, &str> {
    let mut permissions = BTreeMap::new();
    for (name, module) in modules {
        for permission in &module.permissions {
            permissions.insert(permission.code.as_str(), name.as_str());
        }
    }
    permissions
}

fn check_permission(
    code: &str,
    module: &str,
    permissions: &BTreeMap<&str, &str>,
    reachable: &BTreeSet<&str>,
) -> Result<(), String> {
    match permissions.get(code) {
        Some(owner) if reachable.contains(owner) => Ok(()),
        Some(owner) => {
            Err(format!("\"{code}\" belongs to {owner}, which {module} does not depend on"))
        }
        None => {
            let known = permissions.keys().copied().chain(["public", "signed-in"]);
            Err(format!("unknown permission \"{code}\"{}", did_you_mean(code, known)))
        }
    }
}

fn check_key(route: &Route, module: &Manifest) -> Result<(), &'static str> {
    if route.method != Method::Post {
        return Err("is for POST, which makes something new each time it is sent");
    }
    if module.table.is_none() {
        return Err("needs a table, in which requests are remembered");
    }
    Ok(())
}
/// Paths that tools expect at the root of a server.
const AT_THE_ROOT: [&str; 4] = ["/healthz", "/ready", "/openapi.json", "/docs"];

fn check_path(path: &str) -> Result<(), String> {
    if AT_THE_ROOT.contains(&path) {
        return Ok(());
    }
    let rest = ["/api/v1/", "/.well-known/"].iter().find_map(|root| path.strip_prefix(root));
    let rest = rest.ok_or("must start with /api/v1/ or /.well-known/")?;
    let mut parameters = BTreeSet::new();
    for segment in rest.split('/') {
        match parameter(segment) {
            Some(name) if !shape::is_snake(name) => {
                return Err(format!("{segment} is not a parameter in lower snake case"));
            }
            Some(name) if !parameters.insert(name) => {
                return Err(format!("{segment} is there twice"));
            }
            None if segment.is_empty() => {
                return Err("must not have an empty segment or a trailing slash".to_owned());
            }
            None if !segment.chars().all(is_literal) => {
                return Err(format!(
                    "\"{segment}\" is neither lower-case letters, digits and -_. nor a {{parameter}}"
                ));
            }
            _ => {}
        }
    }
    Ok(())
}

fn parameter(segment: &str) -> Option<&str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}

fn is_literal(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c)
}

/// Method and path with unnamed parameters: what the gateway tells routes apart by.
fn normalised(route: &Route) -> String {
    let segments = route.path.split('/');
    let segments: Vec<_> =
        segments.map(|segment| parameter(segment).map_or(segment, |_| "{}")).collect();
    format!("{} {}", route.method.as_str(), segments.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::problems;

    fn routes(paths: &[&str]) -> String {
        let route = |path| format!("- {{method: GET, path: '{path}', permission: public}}\n");
        format!("routes:\n{}", paths.iter().map(route).collect::<Vec<_>>().concat())
    }

    #[test]
    fn well_formed_paths_are_accepted() {
        for path in [
            "/api/v1/users",
            "/api/v1/users/{id}/roles/{role_id}",
            "/api/v1/auth/sign-in",
            "/.well-known/jwks.json",
            "/healthz",
        ] {
            assert_eq!(check_path(path), Ok(()), "{path}");
        }
    }

    #[test]
    fn malformed_paths_are_refused() {
        for path in [
            "/users",
            "/api/v1/",
            "/api/v1/users/",
            "/api/v1//users",
            "/api/v1/Users",
            "/api/v1/users/{userId}",
            "/api/v1/users/{proxy+}",
            "/api/v1/users/{id",
            "/api/v1/users/{}",
            "/api/v1/users/{id}/roles/{id}",
            "/api/v1/users?all",
        ] {
            assert!(check_path(path).is_err(), "{path}");
        }
        assert_eq!(
            problems(&[("notes", &routes(&["/notes"]))]),
            ["functions/notes/module.yaml: routes[0].path: \
              must start with /api/v1/ or /.well-known/"]
        );
    }

    #[test]
    fn a_route_is_declared_once_whatever_its_parameters_are_called() {
        assert_eq!(
            problems(&[
                ("a", &routes(&["/api/v1/notes/{id}"])),
                ("b", &routes(&["/api/v1/other", "/api/v1/notes/{note_id}"])),
            ]),
            ["functions/b/module.yaml: routes[1].path: GET /api/v1/notes/{} is already declared \
              in functions/a/module.yaml: routes[0].path"]
        );
    }

    #[test]
    fn a_literal_may_stand_beside_a_parameter() {
        let routes = routes(&["/api/v1/users/{id}", "/api/v1/users/me"]);
        assert!(problems(&[("identity", &routes)]).is_empty());
    }

    #[test]
    fn two_routes_do_not_share_a_logical_id() {
        let routes = routes(&["/api/v1/sign-in", "/api/v1/sign/in"]);
        assert_eq!(
            problems(&[("auth", &routes)]),
            ["functions/auth/module.yaml: routes[1].path: needs the same logical id \
              GetApiV1SignIn as functions/auth/module.yaml: routes[0].path; rename one"]
        );
    }

    #[test]
    fn only_a_post_of_a_module_with_a_table_takes_keys() {
        let route = |method| {
            format!(
                "routes: [{{method: {method}, path: /api/v1/x, permission: public, \
                 idempotency_key: true}}]"
            )
        };
        let with_table = |method| format!("{}\ntable: {{}}", route(method));
        assert!(problems(&[("a", &with_table("POST"))]).is_empty());
        assert_eq!(
            problems(&[("a", &with_table("PUT"))]),
            ["functions/a/module.yaml: routes[0].idempotency_key: \
              is for POST, which makes something new each time it is sent"]
        );
        assert_eq!(
            problems(&[("a", &route("POST"))]),
            ["functions/a/module.yaml: routes[0].idempotency_key: \
              needs a table, in which requests are remembered"]
        );
    }

    const ROUTE: &str = "routes: [{method: GET, path: /api/v1/x, permission: user.raed}]";
    const USER_READ: &str = "permissions: [{code: user.read, description: Read users}]";

    #[test]
    fn an_unknown_permission_comes_with_a_suggestion() {
        assert_eq!(
            problems(&[("identity", &format!("{USER_READ}\n{ROUTE}"))]),
            ["functions/identity/module.yaml: routes[0].permission: \
              unknown permission \"user.raed\"; did you mean \"user.read\"?"]
        );
        let signed_in = ROUTE.replace("user.raed", "signedin");
        assert_eq!(
            problems(&[("identity", &signed_in)]),
            ["functions/identity/module.yaml: routes[0].permission: \
              unknown permission \"signedin\"; did you mean \"signed-in\"?"]
        );
    }

    #[test]
    fn a_permission_comes_from_the_module_or_from_what_it_depends_on() {
        let route = ROUTE.replace("user.raed", "user.read");
        let depending = format!("dependencies: {{b: ^0.1}}\n{route}");
        let chain = [("a", USER_READ), ("b", "dependencies: {a: ^0.1}"), ("c", &depending)];
        assert!(problems(&chain).is_empty());
        assert_eq!(
            problems(&[("a", USER_READ), ("c", &route)]),
            ["functions/c/module.yaml: routes[0].permission: \
              \"user.read\" belongs to a, which c does not depend on"]
        );
    }

    #[test]
    fn an_unknown_rate_is_refused() {
        let found = problems(&[(
            "a",
            "routes: [{method: GET, path: /api/v1/x, permission: public, rate: fast}]",
        )]);
        assert!(
            found[0].starts_with("functions/a/module.yaml: routes[0].rate: unknown variant `fast`"),
            "{found:?}"
        );
    }
}
