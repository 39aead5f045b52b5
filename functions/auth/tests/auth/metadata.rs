//! What standard clients ask first.

use contracts::generated::ROUTES;
use kernel::route::Access;
use serde_json::Value;
use testkit::Person;

use crate::common::Test;

#[tokio::test]
async fn the_metadata_names_endpoints_that_exist_and_may_be_remembered() {
    let test = Test::start().await;
    let nobody = Person::anonymous();
    for path in ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"] {
        let answer = test.app.get(&nobody, path).await;
        assert_eq!(answer.headers["cache-control"], "public, max-age=3600");
        let metadata = answer.expect(200);
        assert_eq!(metadata["issuer"], "http://localhost:8080");
        let issuer = metadata["issuer"].as_str().unwrap();
        for name in ["jwks_uri", "token_endpoint", "introspection_endpoint", "revocation_endpoint"]
        {
            let path = metadata[name].as_str().unwrap().strip_prefix(issuer).unwrap();
            let route = ROUTES.iter().find(|route| route.path == path);
            assert_eq!(route.unwrap().access, Access::Public, "{name}");
        }
        assert_eq!(metadata["grant_types_supported"], serde_json::json!(["client_credentials"]));
        assert_eq!(metadata["response_types_supported"], serde_json::json!([]));
        assert!(metadata["authorization_endpoint"].is_null(), "there is none");
        let scopes = metadata["scopes_supported"].as_array().unwrap();
        assert!(scopes.contains(&Value::from("auth.client.read")));
    }
    let keys = test.app.get(&nobody, "/.well-known/jwks.json").await;
    assert_eq!(keys.headers["cache-control"], "public, max-age=60");
}
