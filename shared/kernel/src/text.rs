//! Comparing texts that people typed.

use unicode_normalization::UnicodeNormalization;

/// The form in which two spellings of one name or address are equal: without regard to case, width or
/// composition (NFKC with full case folding, Unicode Standard Annex #31).
///
/// ```
/// assert_eq!(kernel::text::fold("ＡＤＡ@Example.org"), kernel::text::fold("ada@example.ORG"));
/// assert_eq!(kernel::text::fold("Straße"), kernel::text::fold("STRASSE"));
/// ```
pub fn fold(text: &str) -> String {
    let composed: String = text.trim().nfkc().collect();
    caseless::default_case_fold_str(&composed).nfkc().collect()
}
