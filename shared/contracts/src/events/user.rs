use kernel::{
    event::EventData,
    id::{ImportId, UserId},
};
use serde::{Deserialize, Serialize};

use crate::identity::UserStatus;

/// Who a mail goes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contact {
    pub email: String,
    pub name: String,
}

/// An account was created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserCreated {
    pub user_id: UserId,
    pub status: UserStatus,
    /// Names the verification link to mail; absent when the address needs none.
    pub verification_nonce: Option<String>,
    pub personal: Contact,
}

/// An account's profile changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserUpdated {
    pub user_id: UserId,
    /// Names of the fields that changed; their values are personal.
    pub changed: Vec<String>,
}

/// An account was deleted; its data is erased some time later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserDeleted {
    pub user_id: UserId,
}

/// A deleted account was brought back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserRestored {
    pub user_id: UserId,
}

/// All that there was of a deleted account is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserErased {
    pub user_id: UserId,
}

/// An account's address was proven.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserVerified {
    pub user_id: UserId,
}

/// An account was shut out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserSuspended {
    pub user_id: UserId,
}

/// An account was let in again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserActivated {
    pub user_id: UserId,
}

/// Users are to be imported; told once for each chunk of the lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserImportRequested {
    pub import_id: ImportId,
    /// Which chunk, from 0.
    pub chunk: u32,
}

impl EventData for UserImportRequested {
    const TYPE: &'static str = "platform.user.import_requested";
    const RESOURCE: &'static str = "user_import";

    fn subject_id(&self) -> String {
        self.import_id.to_string()
    }
}

/// What a requested mail is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailPurpose {
    /// The verification link once more.
    Verification,
    /// The same, for an account that several have registered: it confirms nobody's password.
    VerificationOnly,
    /// The verification link of one more registration with an address that nobody has proven.
    Registration,
    /// Somebody tried to register with an address that already has an account.
    AlreadyRegistered,
    /// To the new address: the link that makes it the account's.
    EmailChange,
    /// To the present address: another one is asked for; with the link that prevents it.
    EmailChangeNotice,
    /// To the old address: the account has another one; with the link that takes it back.
    EmailChanged,
    /// Somebody wants the address of this account for theirs.
    AddressWanted,
}

/// A mail to an account's owner is due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserMailRequested {
    pub user_id: UserId,
    pub purpose: MailPurpose,
    /// Names the link to mail, where the purpose has one.
    pub nonce: Option<String>,
    pub personal: Contact,
}

/// Says that the data is about one user.
macro_rules! about_user {
    ($($data:ident: $kind:literal),+ $(,)?) => {$(
        impl EventData for $data {
            const TYPE: &'static str = $kind;
            const RESOURCE: &'static str = "user";

            fn subject_id(&self) -> String {
                self.user_id.to_string()
            }
        }
    )+};
}

about_user! {
    UserCreated: "platform.user.created",
    UserUpdated: "platform.user.updated",
    UserDeleted: "platform.user.deleted",
    UserRestored: "platform.user.restored",
    UserErased: "platform.user.erased",
    UserVerified: "platform.user.verified",
    UserSuspended: "platform.user.suspended",
    UserActivated: "platform.user.activated",
    UserMailRequested: "platform.user.mail_requested",
}
