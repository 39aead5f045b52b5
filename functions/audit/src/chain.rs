//! The chain: each entry carries the hash of the one before, so that none can be changed, removed or moved
//! without breaking everything after it.
//!
//! # The recipe
//! To check an exported log without this program, entry by entry in the order of `sequence`:
//!
//! 1. Take the entry as the API gives it and remove `hash`.
//! 2. Write it as canonical JSON in the manner of RFC 8785: no white space; the names of every object sorted (by
//!    UTF-16 code units); texts in UTF-8 with `"`, `\` and control characters escaped, these as `\b \t \n \f \r`
//!    or else `\u00xx` in lower case; numbers are whole and written in full. Absent values are `null`, never left
//!    out.
//! 3. The SHA-256 of those bytes, in lower-case hexadecimal, is the entry's `hash`.
//! 4. `sequence` is 1 for the first entry and grows by 1; `previous_hash` is the `hash` of the entry before, 64
//!    zeros for the first; `tenant_id` is the same everywhere.
//!
//! ```sh
//! jq -cjS 'del(.hash)' entry.json | sha256sum
//! ```
//!
//! # What it proves
//! That the entries up to a known head are the ones that were recorded. Who can write to the table can
//! still cut off the end, or recompute everything after a change; both give another head. So keep the head that
//! a verification names outside the platform from time to time: a later chain must contain it.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use crate::entry::Entry;

/// The end of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = AuditHead)]
pub struct Head {
    /// Of the last entry.
    #[schema(example = 42)]
    pub sequence: u64,
    #[schema(min_length = 64, max_length = 64)]
    pub hash: String,
}

impl Head {
    /// The end of a chain without entries.
    pub fn of_nothing() -> Self {
        Self { sequence: 0, hash: "0".repeat(64) }
    }
}

/// The hash that the entry must have, whatever its `hash` says.
pub fn hash_of(entry: &Entry) -> String {
    let mut fields = serde_json::to_value(entry).expect("an entry serialises");
    fields.as_object_mut().expect("an entry is an object").remove("hash");
    sha256_of(&fields)
}

/// Steps 2 and 3 of the recipe.
pub fn sha256_of(entry_without_hash: &Value) -> String {
    let digest = Sha256::digest(canonical_json(entry_without_hash).as_bytes());
    digest.iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}"); // writing to a string cannot fail
        hex
    })
}

/// The value as canonical JSON.
fn canonical_json(value: &Value) -> String {
    let mut text = String::new();
    write_canonical(value, &mut text);
    text
}

fn write_canonical(value: &Value, text: &mut String) {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            text.push('{');
            for (index, (name, value)) in fields.into_iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write_text(name, text);
                text.push(':');
                write_canonical(value, text);
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write_canonical(item, text);
            }
            text.push(']');
        }
        Value::String(content) => write_text(content, text),
        Value::Null | Value::Bool(_) | Value::Number(_) => text.push_str(&value.to_string()),
    }
}

/// `serde_json` escapes just what RFC 8785 says, in the same way.
fn write_text(content: &str, text: &mut String) {
    text.push_str(&serde_json::to_string(content).expect("a text serialises"));
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use kernel::event::Envelope;
    use serde_json::json;

    use super::*;

    #[test]
    fn canonical_json_is_that_of_rfc_8785() {
        // The names of section 3.2.3, in the order that it gives.
        let value = json!({
            "\u{20ac}": "Euro Sign",
            "\r": "Carriage Return",
            "\u{fb33}": "Hebrew Letter Dalet With Dagesh",
            "1": "One",
            "\u{1f600}": "Emoji: Grinning Face",
            "\u{80}": "Control",
            "\u{f6}": "Latin Small Letter O With Diaeresis",
        });
        let expected = "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\u{80}\":\"Control\",\
            \"\u{f6}\":\"Latin Small Letter O With Diaeresis\",\"\u{20ac}\":\"Euro Sign\",\
            \"\u{1f600}\":\"Emoji: Grinning Face\",\"\u{fb33}\":\"Hebrew Letter Dalet With Dagesh\"}";
        assert_eq!(canonical_json(&value), expected);
        let escapes = json!(["\u{8}\t\n\u{c}\r\"\\/\u{0}\u{1f}\u{7f}", null, true, 7, -1, {}]);
        let expected = "[\"\\b\\t\\n\\f\\r\\\"\\\\/\\u0000\\u001f\u{7f}\",null,true,7,-1,{}]";
        assert_eq!(canonical_json(&escapes), expected);
    }

    /// The expected hashes were computed by another program, from the recipe above.
    #[test]
    fn the_hash_follows_the_recipe() {
        let text = include_str!("../../../events/platform.role.created.example.json");
        let event: Envelope = serde_json::from_str(text).unwrap();
        let recorded_at: Timestamp = "2026-03-14T12:00:00.5Z".parse().unwrap();
        let first = Entry::of_event(&event, &Head::of_nothing(), recorded_at);
        let second = Entry::of_event(&event, &first.head(), recorded_at);
        assert_eq!(first.hash, "bc55adcd381b039eb56cc3bdd177ccb00ba845e5d64cbdc7e19c9e86ef232f73");
        assert_eq!(second.hash, "b8713f0a89e764df6b6eb6b7bf8a7ddd4e5ba9f07596eb9c9e3731a7d6e31ccb");
    }
}
