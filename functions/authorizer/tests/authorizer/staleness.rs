//! How long an answer may be out of date, over all who remember one.

use contracts::generated;

/// What the platform promises about a lost role or session.
const PROMISE_SECONDS: u64 = 60;
/// What the gateway remembers decisions for, where nobody says otherwise.
fn default_of_the_gateway() -> u64 {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../template.yaml");
    let template = std::fs::read_to_string(path).expect("the template is there");
    let (_, parameter) =
        template.split_once("\n  DecisionCacheSeconds:\n").expect("the template has the parameter");
    let mut lines = parameter.lines().map(str::trim);
    let default = lines.find_map(|line| line.strip_prefix("Default: ")).expect("it has a default");
    default.parse().expect("the default is a number")
}

/// The default of a module's setting.
fn default_of(module: &str, key: &str) -> u64 {
    let config = generated::module(module).config;
    let setting = config.iter().find(|setting| setting.key == key).expect("the setting exists");
    setting.default.parse().expect("the default is a number")
}

#[test]
fn a_lost_role_stops_working_in_time_though_one_cache_fills_from_the_next() {
    let gateway = default_of_the_gateway();
    let authorizer = default_of("authorizer", "authorizer.cache_seconds");
    let authz = default_of("authz", "authz.cache_seconds");
    assert!(gateway + authorizer + authz <= PROMISE_SECONDS, "{gateway} {authorizer} {authz}");
}

#[test]
fn a_suspended_tenant_stops_working_in_time() {
    let gateway = default_of_the_gateway();
    let authorizer = default_of("authorizer", "authorizer.cache_seconds");
    let auth = default_of("auth", "auth.tenant_cache_seconds");
    assert!(gateway + authorizer + auth <= PROMISE_SECONDS, "{gateway} {authorizer} {auth}");
}
