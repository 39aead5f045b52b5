//! The route table: what the gateway, the authorizer and each function's own guard agree on.
//!
//! The table itself is generated from the manifests (`contracts::generated::routes`).

use std::collections::HashMap;

use http::{HeaderValue, Method, header};

use crate::problem::{METHOD_NOT_ALLOWED, NOT_FOUND, Problem};

/// What a caller needs to pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nothing.
    Public,
    /// Any valid token or API key.
    SignedIn,
    /// The token of a session: a person who has signed in, and no program in their name.
    Session,
    /// A token whose roles hold this permission.
    Permission(&'static str),
}

/// Which rate limit applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rate {
    Default,
    SignIn,
    Registration,
    Refresh,
    Reset,
}

/// One public route, as its module's manifest declares it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    pub method: &'static str,
    pub path: &'static str,
    pub module: &'static str,
    pub access: Access,
    pub rate: Rate,
    /// Whether it takes an [`crate::idempotency`] key.
    pub idempotency_key: bool,
}

/// Finds the access rule of a route key such as `GET /api/v1/users/{id}`.
#[derive(Debug, Clone)]
pub struct RouteTable {
    by_key: HashMap<(&'static str, &'static str), &'static Route>,
}

impl RouteTable {
    pub fn new(routes: &'static [Route]) -> Self {
        Self { by_key: routes.iter().map(|route| ((route.method, route.path), route)).collect() }
    }

    /// The routes of one module.
    pub fn of_module(routes: &'static [Route], module: &str) -> Self {
        let own = routes.iter().filter(|route| route.module == module);
        Self { by_key: own.map(|route| ((route.method, route.path), route)).collect() }
    }

    /// The route with this method and path template. `HEAD` is answered by `GET`.
    pub fn find(&self, method: &Method, template: &str) -> Option<&'static Route> {
        let method = if method == Method::HEAD { &Method::GET } else { method };
        self.by_key.get(&(method.as_str(), template)).copied()
    }

    /// The problem with a request that [`Self::find`] finds no route for: 405 when the path knows other
    /// methods, else 404.
    pub fn unknown_route(&self, template: &str) -> Problem {
        refusal(self.routes().filter(|route| route.path == template))
    }

    pub fn routes(&self) -> impl Iterator<Item = &'static Route> + '_ {
        self.by_key.values().copied()
    }
}

/// The problem with a request for a path that nobody serves with its method: 405 when one of the routes
/// has the path, else 404.
pub fn unknown_path(routes: &[Route], path: &str) -> Problem {
    refusal(routes.iter().filter(|route| matches(route.path, path)))
}

/// Whether the path fits the template, in which `{name}` stands for one segment.
fn matches(template: &str, path: &str) -> bool {
    let (mut wanted, mut given) = (template.split('/'), path.split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return true,
            (Some(wanted), Some(given)) if wanted.starts_with('{') && !given.is_empty() => {}
            (Some(wanted), Some(given)) if wanted == given => {}
            _ => return false,
        }
    }
}

fn refusal<'a>(others: impl Iterator<Item = &'a Route>) -> Problem {
    let mut methods: Vec<_> = others.map(|route| route.method).collect();
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    methods.sort_unstable();
    match HeaderValue::from_str(&methods.join(", ")) {
        Ok(allow) if !methods.is_empty() => METHOD_NOT_ALLOWED
            .problem("see the Allow header for what it knows")
            .header(header::ALLOW, allow),
        _ => NOT_FOUND.problem("no such route"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_fits_a_template_segment_by_segment() {
        assert!(matches("/users/{id}", "/users/7"));
        assert!(matches("/users/{id}/roles/{role}", "/users/7/roles/a"));
        for other in ["/users", "/users/", "/users/7/", "/users/7/roles", "/user/7", "users/7", ""]
        {
            assert!(!matches("/users/{id}", other), "{other}");
        }
    }
}
