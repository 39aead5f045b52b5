//! What clients see: `RateLimit-Policy`, `RateLimit`, and the problem `quota-exceeded`
//! (draft-ietf-httpapi-ratelimit-headers-10, sections 3 to 5).

use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::{Standing, WINDOW_SECONDS};
use crate::problem::{Problem, THROTTLED};

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// Adds both fields. They are lists: what a header has already stays.
pub(crate) fn add_fields(headers: &mut HeaderMap, standings: &[Standing]) {
    let list = |item: &dyn Fn(&Standing) -> String| {
        let items: Vec<_> = standings.iter().map(item).collect();
        HeaderValue::from_str(&items.join(", ")).expect("names of policies are plain text")
    };
    if standings.is_empty() {
        return;
    }
    let policy = |standing: &Standing| {
        let policy = standing.policy;
        format!("\"{}\";q={};w={WINDOW_SECONDS}", policy.name, policy.quota)
    };
    let limit = |standing: &Standing| {
        let Standing { policy, remaining, whole_in, .. } = standing;
        format!("\"{}\";r={remaining};t={whole_in}", policy.name)
    };
    headers.append(POLICY, list(&policy));
    headers.append(LIMIT, list(&limit));
}

/// The problem, if one of the policies refuses the request.
pub(crate) fn exceeded(standings: &[Standing]) -> Option<Problem> {
    let refused: Vec<_> =
        standings.iter().filter_map(|standing| Some((standing, standing.refused_for?))).collect();
    let wait = refused.iter().map(|(_, wait)| *wait).max()?;
    let quotas: Vec<_> =
        refused.iter().map(|(standing, _)| standing.policy.quota.to_string()).collect();
    let names = refused.iter().map(|(standing, _)| standing.policy.name).collect();
    let detail =
        format!("more than {} requests in a minute; try again in {wait} s", quotas.join(" or "));
    let problem = THROTTLED.problem(detail).violating(names);
    Some(problem.header(header::RETRY_AFTER, HeaderValue::from(wait)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::Policy;

    fn standing(name: &'static str, quota: u32, refused_for: Option<u32>) -> Standing {
        let policy = Policy { name, quota };
        Standing { policy, remaining: 7, whole_in: 30, refused_for }
    }

    #[test]
    fn the_fields_are_structured_lists() {
        let mut headers = HeaderMap::new();
        let standings = [standing("user", 100, None), standing("address", 1000, None)];
        add_fields(&mut headers, &standings);
        assert_eq!(headers["ratelimit-policy"], r#""user";q=100;w=60, "address";q=1000;w=60"#);
        assert_eq!(headers["ratelimit"], r#""user";r=7;t=30, "address";r=7;t=30"#);
    }

    #[test]
    fn the_problem_names_the_violated_policies_and_the_longest_wait() {
        let standings = [
            standing("user", 100, Some(2)),
            standing("address", 1000, None),
            standing("reset", 10, Some(6)),
        ];
        let problem = exceeded(&standings).unwrap();
        let document = problem.document("/x", "1");
        assert_eq!(
            document.type_uri,
            "https://iana.org/assignments/http-problem-types#quota-exceeded"
        );
        assert_eq!(document.violated_policies, ["user", "reset"]);
        assert_eq!(problem.render("/x", "1").headers()["retry-after"], "6");
        assert!(exceeded(&standings[1..2]).is_none());
    }
}
