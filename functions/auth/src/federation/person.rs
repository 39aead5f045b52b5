//! Who has signed in, as a provider says and we believe.

use std::fmt;

use serde::Deserialize;
use serde_json::Value;

use super::provider::Preset;

/// Longest part of a name that is taken, in characters.
const MAX_NAME: usize = 100;

/// Somebody who has signed in at a provider.
#[derive(Clone, PartialEq, Eq)]
pub struct Person {
    /// What the provider calls them, for ever (OpenID Connect Core 1.0, section 5.7).
    pub subject: String,
    /// Only if the provider has proven that it is theirs.
    pub email: Option<String>,
    pub first_name: String,
    pub last_name: String,
}

/// What an OpenID provider says of a person, in the id token or at its userinfo endpoint (OpenID Connect
/// Core 1.0, section 5.1).
#[derive(Debug, Clone, Deserialize)]
pub struct Claims {
    pub sub: String,
    email: Option<String>,
    /// A boolean; some providers send text.
    #[serde(default)]
    email_verified: Value,
    name: Option<String>,
    given_name: Option<String>,
    family_name: Option<String>,
    /// Google: the organisation's domain, when the account is managed by one.
    hd: Option<String>,
    /// Microsoft: whether the owner of the address's domain has proven to own it.
    #[serde(default)]
    xms_edov: Value,
}

impl Claims {
    /// The address, if the provider has proven that it is this person's, and is one to know.
    pub fn proven_email(&self, preset: Preset) -> Option<&str> {
        let email = self.email.as_deref()?;
        let is_proven = match preset {
            Preset::Generic | Preset::Github => is_true(&self.email_verified),
            // Of other addresses Google knows that they were theirs once
            // (developers.google.com/identity/openid-connect, "email_verified").
            Preset::Google => {
                let is_googles = email.to_ascii_lowercase().ends_with("@gmail.com");
                is_true(&self.email_verified) && (is_googles || self.hd.is_some())
            }
            // Directories let their administrators write any address into a profile ("nOAuth").
            Preset::Microsoft => is_true(&self.email_verified) || is_true(&self.xms_edov),
        };
        is_proven.then_some(email)
    }

    /// The person, with what else the provider tells at its userinfo endpoint.
    pub fn into_person(self, preset: Preset, more: Option<&Self>) -> Person {
        let find = |claim: fn(&Self) -> Option<&str>| claim(&self).or_else(|| more.and_then(claim));
        let proven = |claims: &Self| claims.proven_email(preset).map(ToOwned::to_owned);
        let email = proven(&self).or_else(|| more.and_then(proven));
        let names = Names {
            whole: find(|claims| claims.name.as_deref()),
            given: find(|claims| claims.given_name.as_deref()),
            family: find(|claims| claims.family_name.as_deref()),
        };
        Person::new(self.sub.clone(), email, &names)
    }
}

fn is_true(value: &Value) -> bool {
    match value {
        Value::Bool(flag) => *flag,
        Value::String(text) => matches!(text.as_str(), "true" | "1"),
        Value::Number(number) => number.as_u64() == Some(1),
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}

/// The parts of a name, as far as a provider tells them.
#[derive(Debug, Default)]
pub struct Names<'a> {
    pub whole: Option<&'a str>,
    pub given: Option<&'a str>,
    pub family: Option<&'a str>,
}

impl Person {
    /// Makes a name that an account can bear out of whatever the provider tells.
    pub fn new(subject: String, email: Option<String>, names: &Names<'_>) -> Self {
        let whole = tidy(names.whole.unwrap_or_default());
        let (first, last) = whole.split_once(' ').unwrap_or((&whole, ""));
        let mut first_name = names.given.map_or_else(|| tidy(first), tidy);
        let last_name = names.family.map_or_else(|| tidy(last), tidy);
        if first_name.is_empty() {
            let local_part = email.as_deref().and_then(|email| email.split('@').next());
            first_name = tidy(local_part.unwrap_or_default());
        }
        Self { subject, email, first_name, last_name }
    }
}

impl fmt::Debug for Person {
    /// Names and addresses are personal and stay out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Person(***)")
    }
}

fn tidy(text: &str) -> String {
    let plain: String = text.chars().filter(|c| !c.is_control()).collect();
    plain.trim().chars().take(MAX_NAME).collect::<String>().trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn is_proven(preset: Preset, email: &str, more: Value) -> bool {
        let mut claims = more;
        claims["sub"] = json!("1");
        claims["email"] = json!(email);
        serde_json::from_value::<Claims>(claims).unwrap().proven_email(preset).is_some()
    }

    #[test]
    fn an_address_is_proven_only_by_who_can_know() {
        let verified = || json!({"email_verified": true});
        for value in [json!(true), json!("true")] {
            assert!(is_proven(Preset::Generic, "a@b.org", json!({"email_verified": value})));
        }
        for value in [json!(false), json!("false"), json!(null), json!("yes"), json!([true])] {
            assert!(!is_proven(Preset::Generic, "a@b.org", json!({"email_verified": value})));
        }
        assert!(!is_proven(Preset::Generic, "a@b.org", json!({})));
        assert!(is_proven(Preset::Google, "a@gmail.com", verified()));
        assert!(!is_proven(Preset::Google, "a@b.org", verified()));
        let managed = json!({"email_verified": true, "hd": "b.org"});
        assert!(is_proven(Preset::Google, "a@b.org", managed));
        assert!(!is_proven(Preset::Google, "a@b.org", json!({"hd": "b.org"})));
        assert!(!is_proven(Preset::Microsoft, "a@b.org", json!({})));
        assert!(is_proven(Preset::Microsoft, "a@b.org", json!({"xms_edov": "1"})));
        assert!(!is_proven(Preset::Microsoft, "a@b.org", json!({"xms_edov": false})));
    }

    fn names(whole: Option<&str>, given: Option<&str>, family: Option<&str>) -> (String, String) {
        let email = Some("ada@example.org".to_owned());
        let person = Person::new("1".to_owned(), email, &Names { whole, given, family });
        (person.first_name, person.last_name)
    }

    #[test]
    fn a_name_is_made_of_what_there_is() {
        let pair = |first: &str, last: &str| (first.to_owned(), last.to_owned());
        assert_eq!(names(Some("x y"), Some("Ada"), Some("Lovelace")), pair("Ada", "Lovelace"));
        assert_eq!(names(Some("Ada King Lovelace"), None, None), pair("Ada", "King Lovelace"));
        assert_eq!(names(None, None, None), pair("ada", ""));
        assert_eq!(names(Some("\0\n "), None, None), pair("ada", ""));
        let long = "x".repeat(500);
        assert_eq!(names(Some(&long), None, None).0.len(), 100);
    }
}
