use http::{HeaderMap, Method, Uri, header};
use serde_json::Value;

use super::{Idempotency, Place, key::IdempotencyKey};
use crate::{caller::Gateway, secret::encode};

impl Idempotency {
    /// Where the record of a request with this key is. A key means something to one caller on one route
    /// only; people who are not signed in are told apart by their addresses, as far as that goes.
    pub(super) fn place(
        &self,
        gateway: &Gateway,
        method: &Method,
        uri: &Uri,
        key: &IdempotencyKey,
    ) -> Place {
        let caller = match &gateway.authorizer {
            Some(context) => format!("user {}", context.user_id),
            None => format!("address {}", gateway.ip_address.as_deref().unwrap_or_default()),
        };
        let tenant = gateway.authorizer.as_ref().map(|context| context.tenant_id);
        let tenant_text = tenant.map(|tenant| tenant.to_string()).unwrap_or_default();
        let digest = self.key.sign(&[
            b"place",
            tenant_text.as_bytes(),
            caller.as_bytes(),
            method.as_str().as_bytes(),
            uri.path().as_bytes(),
            key.as_bytes(),
        ]);
        Place { tenant, digest: encode(&digest) }
    }

    /// What is the same for two requests that ask the same. Keyed, as bodies may hold passwords, which
    /// could be guessed from a plain hash.
    pub(super) fn fingerprint(&self, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> String {
        let query = uri.query().unwrap_or_default();
        let precondition = headers.get(header::IF_MATCH).map_or(&[][..], |value| value.as_bytes());
        let parts = [b"request", query.as_bytes(), precondition, &canonical(body)];
        encode(&self.key.sign(&parts))
    }
}

/// The same for the same JSON, however it is laid out: many languages write an object's fields in
/// another order each time.
fn canonical(body: &[u8]) -> Vec<u8> {
    match serde_json::from_slice::<Value>(body) {
        Ok(mut value) => {
            value.sort_all_objects();
            value.to_string().into_bytes()
        }
        Err(_) => body.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layout_does_not_matter_and_content_does() {
        let same =
            |left: &str, right: &str| canonical(left.as_bytes()) == canonical(right.as_bytes());
        assert!(same(r#"{"a":1,"b":[{"c":2,"d":3}]}"#, "{ \"b\": [{\"d\":3, \"c\":2}],\n\"a\":1}"));
        assert!(same(r#"{"a":"\u0041"}"#, r#"{"a":"A"}"#));
        assert!(!same(r#"{"a":[1,2]}"#, r#"{"a":[2,1]}"#));
        assert!(!same(r#"{"a":null}"#, "{}"));
        assert!(!same(r#"{"a":1}"#, r#"{"a":"1"}"#));
        assert!(!same("{", "{ "));
    }
}
