use std::{collections::HashSet, sync::LazyLock};

/// The passwords that leaked lists have on top, folded, one a line.
static COMMON: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| include_str!("common.txt").lines().collect());

/// In which order keys and letters come to fingers by themselves.
const SEQUENCES: [&str; 5] =
    ["01234567890", "abcdefghijklmnopqrstuvwxyz", "qwertyuiop", "asdfghjkl", "zxcvbnm"];

/// A password made of this many foreseeable parts, and nothing else, is foreseeable itself.
const MAX_PARTS: usize = 2;
/// Shortest sequence or repetition that counts as one part.
const MIN_RUN: usize = 4;
/// Most characters that, repeated three times or more, count as a repetition. A refrain is longer.
const MAX_PERIOD: usize = 8;
/// Longest decoration at the end (`password!!`) that does not save a password.
const MAX_DECORATION: usize = 2;

/// Whether a guesser would try this folded password early: it is a common one, a repetition or a
/// sequence, or two of those in a row.
pub fn is_predictable(folded: &str) -> bool {
    let characters: Vec<char> = folded.chars().collect();
    let bare = characters.iter().rposition(|c| c.is_alphanumeric()).map_or(0, |last| last + 1);
    let is_decorated = characters.len() - bare <= MAX_DECORATION;
    is_made_of_parts(&characters) || (is_decorated && is_made_of_parts(&characters[..bare]))
}

fn is_made_of_parts(characters: &[char]) -> bool {
    if is_repetition(characters) {
        return true;
    }
    // The fewest parts that cover the password up to each place.
    let mut fewest: Vec<Option<usize>> = vec![None; characters.len() + 1];
    fewest[0] = Some(0);
    for end in 1..=characters.len() {
        let starts = (0..end).filter(|start| is_part(&characters[*start..end]));
        fewest[end] = starts.filter_map(|start| fewest[start]).min().map(|parts| parts + 1);
    }
    !characters.is_empty() && fewest[characters.len()].is_some_and(|parts| parts <= MAX_PARTS)
}

fn is_part(characters: &[char]) -> bool {
    is_run(characters) || COMMON.contains(characters.iter().collect::<String>().as_str())
}

/// `aaaa`, `3456`, `poiuy`.
fn is_run(characters: &[char]) -> bool {
    if characters.len() < MIN_RUN {
        return false;
    }
    let pairs = || characters.windows(2).map(|pair| (pair[0], pair[1]));
    let follows =
        |sequence: &str, (one, other): (char, char)| sequence.contains(&format!("{one}{other}"));
    pairs().all(|(one, other)| one == other)
        || SEQUENCES.iter().any(|sequence| {
            pairs().all(|pair| follows(sequence, pair))
                || pairs().all(|(one, other)| follows(sequence, (other, one)))
        })
}

/// The same few characters over and over: `abcabcabc`.
fn is_repetition(characters: &[char]) -> bool {
    (1..=MAX_PERIOD.min(characters.len() / 3))
        .any(|period| characters.iter().zip(&characters[period..]).all(|(one, other)| one == other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_passwords_sequences_and_repetitions_are_predictable() {
        for password in [
            "password",
            "password1",
            "iloveyou!",
            "passwordpassword",
            "password12345678",
            "qwertyuiopasdfghjkl",
            "123456789012345",
            "987654321098765",
            "abcdefghijklmnop",
            "zyxwvutsrqponmlk",
            "aaaaaaaaaaaaaaa",
            "abcabcabcabcabcabc",
            "1111111122222222",
            "1q2w3e4r5t6y7u8i9o0p",
            "....................",
            "🦀🦀🦀🦀🦀🦀🦀🦀",
            "correcthorsebatterystaple",
        ] {
            assert!(is_predictable(password), "{password}");
        }
    }

    #[test]
    fn other_passwords_are_not() {
        for password in [
            "",
            "x",
            "correct horse lamp staple",
            "password and seven dwarves",
            "sunshine over leipzig 47",
            "k7#mq2!vx9$wz4",
            "do re mi do re mi",
            "password#&@$%^*(",
        ] {
            assert!(!is_predictable(password), "{password}");
        }
    }

    #[test]
    fn the_list_is_folded_and_of_use() {
        for word in COMMON.iter() {
            assert!(word.chars().count() >= 8, "{word}");
            assert_eq!(*word, kernel::text::fold(word));
        }
        assert!(COMMON.len() > 200);
    }
}
