//! How names, codes and descriptions are written.

use crate::problem::Problems;

/// `lower_snake`: words of letters and digits, the first beginning with a letter.
pub(super) fn is_snake(text: &str) -> bool {
    is_words(text, '_')
}

/// `lower-kebab`, otherwise like [`is_snake`].
pub(super) fn is_kebab(text: &str) -> bool {
    is_words(text, '-')
}

/// At least `segments` snake segments with dots between them.
pub(super) fn is_dotted(text: &str, segments: usize) -> bool {
    text.split('.').all(is_snake) && text.split('.').count() >= segments
}

fn is_words(text: &str, separator: char) -> bool {
    let is_word = |word: &str| {
        !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
    };
    text.starts_with(|c: char| c.is_ascii_lowercase()) && text.split(separator).all(is_word)
}

/// Descriptions become comments and table cells, so they keep to one line.
pub(super) fn check_description(module: &str, field: &str, text: &str, problems: &mut Problems) {
    if text.trim().is_empty() || text != text.trim() || text.contains(char::is_control) {
        problems.add(module, field, "must be one line of text");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::problems;

    #[test]
    fn snake_kebab_and_dotted_names_are_told_from_others() {
        assert!(is_snake("a") && is_snake("min_length") && is_snake("v2"));
        assert!(!["", "A", "_a", "a_", "a__b", "2a", "a-b", "é"].into_iter().any(is_snake));
        assert!(is_kebab("erase-deleted") && !is_kebab("erase_deleted"));
        assert!(is_dotted("user.read", 2) && is_dotted("a.b.c", 2));
        assert!(
            !["user", "user.", ".read", "user..read", "User.read"]
                .into_iter()
                .any(|text| is_dotted(text, 2))
        );
    }

    #[test]
    fn a_description_is_one_line() {
        for description in ["''", "' '", "\"two\\nlines\"", "' led by a space'"] {
            let permissions = format!("permissions: [{{code: a.b, description: {description}}}]");
            assert_eq!(
                problems(&[("notes", &permissions)]),
                [
                    "functions/notes/module.yaml: permissions[0].description: must be one line of text"
                ]
            );
        }
    }
}
