//! The mails of this service: what they say, as text and as HTML.

use jiff::SignedDuration;
use kernel::secret::Secret;
use minijinja::{AutoEscape, Environment, context};

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
}

impl Topic {
    pub const fn purpose(self) -> Purpose {
        match self {
            Self::Verification | Self::VerificationOnly | Self::Registration => {
                Purpose::Verification
            }
            Self::Reset => Purpose::Reset,
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
    /// A session was ended because somebody else may have had its refresh token.
    SessionEnded,
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

/// The words of a letter around its link.
struct Words {
    subject: &'static str,
    before: Vec<&'static str>,
    /// What following the link does.
    action: &'static str,
    after: Vec<String>,
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
            Letter::AlreadyRegistered | Letter::SessionEnded => (None, None),
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

fn words(letter: &Letter) -> Words {
    match letter {
        Letter::Link { topic, lasts, .. } => link_words(*topic, *lasts),
        Letter::AlreadyRegistered => Words {
            subject: "You already have an account",
            before: vec![
                "Somebody tried to create an account with your address, but there is one already.",
                "If it was you, sign in as usual. If you have forgotten your password, ask for a new \
                 one; if you never confirmed your address, ask for a new confirmation mail.",
            ],
            action: "",
            after: vec!["If it was not you, there is nothing to do.".to_owned()],
        },
        Letter::SessionEnded => Words {
            subject: "Your session was ended for your safety",
            before: vec![
                "One of your sessions was renewed with a key that had been used before. That happens \
                 when somebody else has a copy of it, so we have ended the session on every device \
                 that had it.",
                "Please sign in again. If you did not expect this, set a new password, which ends all \
                 other sessions too.",
            ],
            action: "",
            after: vec!["If it keeps happening, tell whoever administers your account.".to_owned()],
        },
    }
}

fn link_words(topic: Topic, lasts: SignedDuration) -> Words {
    match topic {
        Topic::Verification => Words {
            subject: "Please confirm your e-mail address",
            before: vec!["Welcome! Please confirm that this is your address:"],
            action: "Confirm my address",
            after: vec![
                good_for(lasts),
                "If somebody created the account for you, ask for a new password afterwards to set \
                 your own."
                    .to_owned(),
                "If you did not create an account, ignore this mail; nothing else will happen."
                    .to_owned(),
            ],
        },
        Topic::VerificationOnly => Words {
            subject: "Please confirm your e-mail address",
            before: vec![
                "Somebody asked to confirm this address again. Several registrations were made with \
                 it, so this link confirms the address only, and none of the passwords that were \
                 given. Once it is confirmed, ask for a new password to set your own:",
            ],
            action: "Confirm my address",
            after: vec![
                good_for(lasts),
                "If you did not create an account, ignore this mail; nothing else will happen."
                    .to_owned(),
            ],
        },
        Topic::Registration => Words {
            subject: "Please confirm your registration",
            before: vec![
                "Somebody registered with this address, and not for the first time. If it was you \
                 just now, confirm it:",
            ],
            action: "Confirm my registration",
            after: vec![
                good_for(lasts),
                "Each of these mails confirms the password that was given with that registration, \
                 and no other. Do not follow a link of a registration that is not yours."
                    .to_owned(),
                "If you did not create an account, ignore this mail; nothing else will happen."
                    .to_owned(),
            ],
        },
        Topic::Reset => Words {
            subject: "Set a new password",
            before: vec!["Somebody asked for a new password for your account. To set one, open:"],
            action: "Set a new password",
            after: vec![
                good_for(lasts),
                "If it was not you, ignore this mail; your password stays as it is.".to_owned(),
            ],
        },
    }
}

fn good_for(lasts: SignedDuration) -> String {
    let time = match lasts.as_mins() {
        60 => "1 hour".to_owned(),
        minutes if minutes % 60 == 0 => format!("{} hours", minutes / 60),
        minutes => format!("{minutes} minutes"),
    };
    format!("The link is good for {time}, and for one use.")
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
        for letter in [Letter::AlreadyRegistered, Letter::SessionEnded] {
            let written = Letters::default().write(&letter, "Ada");
            assert!(!written.text.contains("http") && !written.html.contains("<a "));
            assert!(!written.text.contains("code:"));
        }
    }
}
