use contracts::events::Factor;
use jiff::SignedDuration;

use super::{Letter, Notice, Topic};

const NOT_ME: &str = "If it was not you, ask for a new password at once, which ends all sessions, look \
                      at the factors of your account, and tell whoever administers it.";

/// The words of a letter around its link.
pub struct Words {
    pub subject: &'static str,
    pub before: Vec<&'static str>,
    /// What following the link does.
    pub action: &'static str,
    pub after: Vec<String>,
}

/// What a letter says.
pub fn words(letter: &Letter) -> Words {
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
        Letter::AddressWanted => Words {
            subject: "Somebody wanted to use your address",
            before: vec![
                "Somebody wanted to give your address to another account. It belongs to yours, so \
                 nothing has happened.",
                "If it was you, delete the account that has the address, or keep using it.",
            ],
            action: "",
            after: vec!["If it was not you, there is nothing to do.".to_owned()],
        },
        Letter::Security { notice, at, ip_address } => {
            let mut words = security_words(*notice);
            // The address is the gateway's own finding. What else a client says of itself stays out: a
            // stranger would have it mailed.
            let place = ip_address.as_deref().map(|ip| format!(", from the network address {ip}"));
            let time = at.strftime("%Y-%m-%d %H:%M UTC");
            words.after.push(format!("It happened at {time}{}.", place.unwrap_or_default()));
            words
        }
    }
}

fn security_words(notice: Notice) -> Words {
    match notice {
        Notice::SessionEnded => Words {
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
        Notice::PasswordChanged => Words {
            subject: "Your password was changed",
            before: vec![
                "The password of your account was changed, and other sessions were ended. If it was \
                 you, there is nothing to do.",
                "If it was not you, ask for a new password at once, and tell whoever administers your \
                 account.",
            ],
            action: "",
            after: Vec::new(),
        },
        Notice::FactorAdded(factor) => Words {
            subject: match factor {
                Factor::Totp => "An authenticator app was added to your account",
                Factor::Passkey => "A passkey was added to your account",
                Factor::RecoveryCodes => "Your account has new recovery codes",
            },
            before: vec![
                "From now on it can be used to sign in to your account. If it was you, there is \
                 nothing to do.",
                NOT_ME,
            ],
            action: "",
            after: Vec::new(),
        },
        Notice::FactorRemoved(factor) => Words {
            subject: match factor {
                Factor::Totp => "The authenticator app was removed from your account",
                Factor::Passkey => "A passkey was removed from your account",
                Factor::RecoveryCodes => "The recovery codes of your account were removed",
            },
            before: vec![
                "It can no longer be used to sign in to your account. If it was you, there is \
                 nothing to do.",
                NOT_ME,
            ],
            action: "",
            after: Vec::new(),
        },
        Notice::NewDevice => Words {
            subject: "A new sign-in to your account",
            before: vec![
                "Somebody signed in to your account from a device or network that was not seen with \
                 it before. If it was you, there is nothing to do.",
                NOT_ME,
            ],
            action: "",
            after: Vec::new(),
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
        Topic::EmailChange => Words {
            subject: "Please confirm your new e-mail address",
            before: vec!["Please confirm that this is to be the address of your account:"],
            action: "Use this address",
            after: vec![
                good_for(lasts),
                "From then on you sign in with this address. If you did not ask for it, ignore this \
                 mail; nothing else will happen."
                    .to_owned(),
            ],
        },
        Topic::EmailChangeNotice => Words {
            subject: "Your account is about to get another address",
            before: vec![
                "Somebody who knows your password asked to give your account another e-mail address. \
                 If it was you, there is nothing to do here: follow the link in the mail to the new \
                 address.",
                "If it was not you, open this. Your account keeps this address, all sessions end, and \
                 you get a mail with which you set a new password:",
            ],
            action: "It was not me",
            after: vec![good_for(lasts)],
        },
        Topic::EmailChanged => Words {
            subject: "Your account has another address",
            before: vec![
                "Your account has another e-mail address now, and you sign in with that one. If it was \
                 you, there is nothing to do.",
                "If it was not you, open this. Your account gets this address back, all sessions end, \
                 and you get a mail with which you set a new password:",
            ],
            action: "Take it back",
            after: vec![good_for(lasts)],
        },
    }
}

fn good_for(lasts: SignedDuration) -> String {
    let time = match lasts.as_mins() {
        60 => "1 hour".to_owned(),
        minutes if minutes % (24 * 60) == 0 && minutes > 24 * 60 => {
            format!("{} days", minutes / (24 * 60))
        }
        minutes if minutes % 60 == 0 => format!("{} hours", minutes / 60),
        minutes => format!("{minutes} minutes"),
    };
    format!("The link is good for {time}, and for one use.")
}
