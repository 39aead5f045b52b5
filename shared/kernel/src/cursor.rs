//! Cursors: where a list goes on. Opaque, authenticated, and bound to one tenant and one query, so
//! that a cursor can neither be forged nor carried elsewhere.

use crate::{
    id::TenantId,
    problem::Problem,
    secret::{Key, decode, encode},
    validate::Invalid,
};

/// Bytes of the HMAC tag that are kept: 128 bits.
const TAG_LENGTH: usize = 16;

/// Seals and opens cursors.
#[derive(Debug, Clone)]
pub struct Cursors(Key);

impl Cursors {
    pub fn new(key: Key) -> Self {
        Self(key)
    }

    /// A cursor for the position after the last item of a page. `query` names the list and its
    /// filters; a cursor opens only for the same ones.
    pub fn seal(&self, tenant: &TenantId, query: &str, position: &str) -> String {
        let tag = self.0.sign(&parts(tenant, query, position));
        let mut bytes = tag[..TAG_LENGTH].to_vec();
        bytes.extend_from_slice(position.as_bytes());
        encode(&bytes)
    }

    /// The position inside, if this platform sealed it for this tenant and query.
    ///
    /// # Errors
    /// `cursor.invalid`, pointing at `?cursor`.
    pub fn open(&self, tenant: &TenantId, query: &str, cursor: &str) -> Result<String, Problem> {
        self.try_open(tenant, query, cursor).ok_or_else(|| {
            Invalid::new("cursor.invalid", "is not a cursor of this list; start again without one")
                .at("?cursor")
        })
    }

    fn try_open(&self, tenant: &TenantId, query: &str, cursor: &str) -> Option<String> {
        let bytes = decode(cursor)?;
        let (tag, position) = bytes.split_at_checked(TAG_LENGTH)?;
        let position = std::str::from_utf8(position).ok()?;
        let expected = self.0.sign(&parts(tenant, query, position));
        crate::secret::equal(tag, &expected[..TAG_LENGTH]).then(|| position.to_owned())
    }
}

fn parts<'a>(tenant: &'a TenantId, query: &'a str, position: &'a str) -> [&'a [u8]; 3] {
    [tenant.as_uuid().as_bytes(), query.as_bytes(), position.as_bytes()]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cursor_opens_where_it_was_sealed_and_nowhere_else(
            query in ".{0,40}", other in ".{0,40}", position in ".{0,200}"
        ) {
            let cursors = Cursors::new(Key::random());
            let (tenant, stranger) = (TenantId::new(), TenantId::new());
            let cursor = cursors.seal(&tenant, &query, &position);
            prop_assert_eq!(cursors.open(&tenant, &query, &cursor).unwrap(), position);
            prop_assert!(cursors.open(&stranger, &query, &cursor).is_err());
            prop_assert!(query == other || cursors.open(&tenant, &other, &cursor).is_err());
        }

        #[test]
        fn a_changed_cursor_does_not_open(position in ".{1,80}", index in any::<prop::sample::Index>(), bit in 0..8u8) {
            let cursors = Cursors::new(Key::random());
            let tenant = TenantId::new();
            let mut bytes = decode(&cursors.seal(&tenant, "q", &position)).unwrap();
            let at = index.index(bytes.len());
            bytes[at] ^= 1 << bit;
            prop_assert!(cursors.open(&tenant, "q", &encode(&bytes)).is_err());
        }
    }
}
