//! Who somebody is, as GitHub's API says.

use serde::Deserialize;

use super::person::{Names, Person};

/// The answer of `GET /user`.
#[derive(Debug, Deserialize)]
pub struct User {
    /// Stays, unlike the login, which others may take over.
    id: u64,
    login: String,
    name: Option<String>,
}

/// One of the answer of `GET /user/emails`.
#[derive(Debug, Deserialize)]
pub struct Email {
    #[serde(rename = "email")]
    address: String,
    primary: bool,
    verified: bool,
}

/// The person behind both.
pub fn person(user: &User, emails: Vec<Email>) -> Person {
    let proven = emails.into_iter().find(|email| email.primary && email.verified);
    let names = Names { whole: user.name.as_deref().or(Some(&user.login)), ..Names::default() };
    Person::new(user.id.to_string(), proven.map(|email| email.address), &names)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(name: &Value, emails: Value) -> Person {
        let user = json!({"id": 583_231, "login": "octocat", "name": name, "email": "shown@x.org"});
        let user = serde_json::from_value(user).unwrap();
        person(&user, serde_json::from_value(emails).unwrap())
    }

    #[test]
    fn only_the_verified_primary_address_counts() {
        let email = |text: &str, primary: bool, verified: bool| json!({"email": text, "primary": primary, "verified": verified});
        let both = json!([email("a@b.org", false, true), email("c@d.org", true, true)]);
        assert_eq!(read(&Value::Null, both).email.as_deref(), Some("c@d.org"));
        let unverified = json!([email("a@b.org", false, true), email("c@d.org", true, false)]);
        assert_eq!(read(&Value::Null, unverified).email, None);
        assert_eq!(read(&Value::Null, json!([])).email, None);
    }

    #[test]
    fn the_number_is_the_subject_and_the_login_the_last_name_to_fall_back_on() {
        let person = read(&json!("Mona Octocat"), json!([]));
        assert_eq!((person.subject.as_str(), person.first_name.as_str()), ("583231", "Mona"));
        assert_eq!(read(&Value::Null, json!([])).first_name, "octocat");
    }
}
