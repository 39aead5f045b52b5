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
    /// Any valid token.
    SignedIn,
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
        let own = self.routes().filter(|route| route.path == template);
        let mut methods: Vec<_> = own.map(|route| route.method).collect();
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

    pub fn routes(&self) -> impl Iterator<Item = &'static Route> + '_ {
        self.by_key.values().copied()
    }
}
