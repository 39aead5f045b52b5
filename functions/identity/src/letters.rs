//! The mails of this service: what they say, as text and as HTML.

mod words;

use contracts::events::Factor;
use jiff::{SignedDuration, Timestamp};
use kernel::secret::Secret;
use minijinja::{AutoEscape, Environment, context};

use self::words::{Words, words};
use crate::link::Purpose;

const TEXT: &str = "letter.txt";
const HTML: &str = "letter.html";

/// What the link of a mail is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    Verification,
    /// Verification of an address with which several have registered; confirms nobody's password.
    VerificationOnly,
    /// Verification that confirms one registration of several.
    Registration,
    Reset,
    /// Makes the receiving address that of an account.
    EmailChange,
    /// Prevents that the account gets another address.
    EmailChangeNotice,
    /// Takes it back that the account has another address.
    EmailChanged,
}

impl Topic {
    pub const fn purpose(self) -> Purpose {
        match self {
            Self::Verification | Self::VerificationOnly | Self::Registration => {
                Purpose::Verification
            }
            Self::Reset => Purpose::Reset,
            Self::EmailChange => Purpose::EmailChange,
            Self::EmailChangeNotice | Self::EmailChanged => Purpose::EmailRevert,
        }
    }
}

/// What a mail is about.
#[derive(Debug)]
pub enum Letter {
    /// A link with which its receiver proves something.
    Link { topic: Topic, address: Secret, token: Secret, lasts: SignedDuration },
    /// Somebody tried to register with the receiver's address.
    AlreadyRegistered,
    /// Somebody wants the receiver's address for another account.
    AddressWanted,
    /// Something about the security of the receiver's account has changed.
    Security { notice: Notice, at: Timestamp, ip_address: Option<String> },
}

/// What has changed about the security of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// A session was ended because somebody else may have had its refresh token.
    SessionEnded,
    PasswordChanged,
    FactorAdded(Factor),
    FactorRemoved(Factor),
    NewDevice,
}

/// A letter in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    pub subject: String,
    pub text: String,
    pub html: String,
}

/// Writes letters.
#[derive(Debug, Clone)]
pub struct Letters {
    templates: Environment<'static>,
}

impl Default for Letters {
    fn default() -> Self {
        let mut templates = Environment::new();
        templates.set_auto_escape_callback(|name| {
            if name == HTML { AutoEscape::Html } else { AutoEscape::None }
        });
        let sources = [
            (TEXT, include_str!("letters/letter.txt")),
            (HTML, include_str!("letters/letter.html")),
        ];
        for (name, source) in sources {
            templates.add_template(name, source).expect("an embedded template parses");
        }
        Self { templates }
    }
}

impl Letters {
    /// Writes a letter to somebody of this name.
    pub fn write(&self, letter: &Letter, name: &str) -> Written {
        let Words { subject, before, action, after } = words(letter);
        let (address, token) = match letter {
            Letter::Link { address, token, .. } => (Some(address.expose()), Some(token.expose())),
            Letter::AlreadyRegistered | Letter::AddressWanted | Letter::Security { .. } => {
                (None, None)
            }
        };
        let name = greetable(name);
        let content = context! { subject, name, before, action, after, address, token };
        let render = |template| {
            let template = self.templates.get_template(template).expect("the template is embedded");
            let text = template.render(&content).expect("the template knows what it is given");
            text.trim_end().to_owned() + "\n"
        };
        Written { subject: subject.to_owned(), text: render(TEXT), html: render(HTML) }
    }
}

/// The name, unless it could pass for an address on the web: whoever registers chooses both the name
/// and who gets the mail, and must not be able to send links to strangers.
fn greetable(name: &str) -> Option<&str> {
    let has_address = name.contains(['/', ':', '@', '\\'])
        || name.split('.').skip(1).any(|rest| rest.starts_with(char::is_alphanumeric));
    (!name.is_empty() && !has_address).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verification() -> Letter {
        Letter::Link {
            topic: Topic::Verification,
            address: Secret::new("https://app.example.org/verify-email?token=abc_-1"),
            token: Secret::new("abc_-1"),
            lasts: SignedDuration::from_hours(24),
        }
    }

    #[test]
    fn both_forms_of_a_letter_have_the_link_and_the_token() {
        let written = Letters::default().write(&verification(), "Ada Lovelace");
        assert!(written.text.starts_with("Hello Ada Lovelace,\n\nWelcome!"), "{}", written.text);
        assert!(written.text.contains("\nhttps://app.example.org/verify-email?token=abc_-1\n"));
        assert!(written.text.contains("code: abc_-1\n"));
        assert!(written.text.contains("24 hours"));
        assert!(written.html.contains("<code>abc_-1</code>"), "{}", written.html);
        assert!(written.html.contains("verify-email?token=abc_-1\""), "{}", written.html);
    }

    #[test]
    fn a_name_cannot_bring_markup_or_links_into_a_letter() {
        let write = |name| Letters::default().write(&verification(), name);
        let written = write("<b>Ada</b>");
        assert!(!written.html.contains("<b>"), "{}", written.html);
        for name in ["Win at https://evil.example", "evil.example", "call me@evil.example", ""] {
            assert!(write(name).text.starts_with("Hello,\n"), "{name}");
        }
        assert!(write("Martin L. King Jr.").text.starts_with("Hello Martin L. King Jr.,"));
    }

    #[test]
    fn a_letter_without_a_link_says_so_in_words_only() {
        let security = |notice| Letter::Security {
            notice,
            at: Timestamp::UNIX_EPOCH,
            ip_address: Some("203.0.113.7".to_owned()),
        };
        for letter in [
            Letter::AlreadyRegistered,
            Letter::AddressWanted,
            security(Notice::SessionEnded),
            security(Notice::PasswordChanged),
            security(Notice::FactorAdded(Factor::Passkey)),
            security(Notice::FactorRemoved(Factor::Totp)),
            security(Notice::NewDevice),
        ] {
            let written = Letters::default().write(&letter, "Ada");
            assert!(!written.text.contains("http") && !written.html.contains("<a "));
            assert!(!written.text.contains("code:"));
        }
    }
}
