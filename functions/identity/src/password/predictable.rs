use crate::common_passwords;

/// In which order keys and letters come to fingers by themselves.
const SEQUENCES: [&str; 5] =
    ["01234567890", "abcdefghijklmnopqrstuvwxyz", "qwertyuiop", "asdfghjkl", "zxcvbnm"];

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

/// One foreseeable part, or two of them and nothing else.
fn is_made_of_parts(characters: &[char]) -> bool {
    let mut splits = (1..characters.len()).map(|at| characters.split_at(at));
    is_repetition(characters)
        || is_part(characters)
        || splits.any(|(first, second)| is_part(first) && is_part(second))
}

fn is_part(characters: &[char]) -> bool {
    let is_common = || common_passwords::contains(&characters.iter().collect::<String>());
    is_run(characters) || (characters.len() >= common_passwords::MIN_LENGTH && is_common())
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
            "sunshine12345678",
            "basketballprincess",
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
}
