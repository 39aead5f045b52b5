//! Collects everything that is wrong with a request, so that a client learns it in one answer.
//!
//! ```
//! use kernel::validate::{Invalid, Violations};
//!
//! struct Name(String);
//! fn name(text: &str) -> Result<Name, Invalid> {
//!     if text.is_empty() {
//!         return Err(Invalid::new("name.empty", "must not be empty"));
//!     }
//!     Ok(Name(text.to_owned()))
//! }
//!
//! let mut violations = Violations::default();
//! let first = violations.field("/first_name", name(""));
//! let last = violations.field("/last_name", name(""));
//! assert!(first.is_none() && last.is_none());
//! assert_eq!(violations.finish().unwrap_err().violations().len(), 2);
//! ```

use crate::problem::{Problem, Violation};

/// Why a value was refused. Domain types return it from their parsers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Invalid {
    pub code: &'static str,
    pub detail: String,
}

impl Invalid {
    pub fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }

    /// The problem for a request in which only this field can be wrong.
    pub fn at(self, pointer: &str) -> Problem {
        let mut violations = Violations::default();
        violations.add(pointer, self);
        Problem::invalid(violations.0)
    }
}

/// The violations found so far.
#[derive(Debug, Default)]
pub struct Violations(Vec<Violation>);

impl Violations {
    pub fn add(&mut self, pointer: &str, invalid: Invalid) {
        self.0.push(Violation {
            pointer: pointer.to_owned(),
            code: invalid.code.to_owned(),
            detail: invalid.detail,
        });
    }

    /// Keeps the value, or notes what is wrong with it.
    pub fn field<T>(&mut self, pointer: &str, result: Result<T, Invalid>) -> Option<T> {
        result.map_err(|invalid| self.add(pointer, invalid)).ok()
    }

    /// `Ok` when nothing was noted.
    pub fn finish(self) -> Result<(), Problem> {
        if self.0.is_empty() { Ok(()) } else { Err(Problem::invalid(self.0)) }
    }
}

/// A text of at most so many bytes, to be checked before anything costly is done with it.
///
/// # Errors
/// `text.too_long`.
pub fn at_most(value: &str, max_bytes: usize) -> Result<(), Invalid> {
    if value.len() > max_bytes {
        return Err(Invalid::new("text.too_long", format!("must have at most {max_bytes} bytes")));
    }
    Ok(())
}

/// A text with a length in code points within `min..=max`, without control characters and
/// surrounding white space.
///
/// # Errors
/// `text.too_short`, `text.too_long`, `text.invalid`.
pub fn text(value: &str, min: usize, max: usize) -> Result<String, Invalid> {
    let trimmed = value.trim();
    let length = trimmed.chars().count();
    if length < min {
        return Err(Invalid::new("text.too_short", format!("must have at least {min} characters")));
    }
    if length > max {
        return Err(Invalid::new("text.too_long", format!("must have at most {max} characters")));
    }
    if trimmed.chars().any(char::is_control) {
        return Err(Invalid::new("text.invalid", "must not contain control characters"));
    }
    Ok(trimmed.to_owned())
}
