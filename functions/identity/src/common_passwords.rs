//! The passwords that everybody tries first, as an embedded list of fingerprints.
//!
//! An entry is the first four bytes of a folded password's SHA-256, and entries are sorted: the list takes
//! four bytes each, is searched where the binary has it, and costs nothing at the start. Of 1,000,000
//! passwords that are not on it, four or five are taken for one that is.
//!
//! The words are the password list of `@zxcvbn-ts/language-common` 4.1.3 (MIT; notice in
//! `password/common.license.txt`) and those of `password/common-additions.txt`; `make common-passwords`
//! compiles them anew by `examples/common_passwords.rs`.

use kernel::text::fold;
use sha2::{Digest, Sha256};

/// Shorter ones than the shortest that any policy allows need no entry, in characters.
pub const MIN_LENGTH: usize = 8;

const ENTRY_BYTES: usize = 4;

static LIST: &[u8] = include_bytes!("password/common.bin");

/// Whether a folded text is on the list.
pub fn contains(folded: &str) -> bool {
    let (entries, _) = LIST.as_chunks::<ENTRY_BYTES>();
    entries.binary_search(&entry(folded)).is_ok()
}

/// Makes a list of these words, in any order and spelling.
pub fn compile<'a>(words: impl IntoIterator<Item = &'a str>) -> Vec<u8> {
    let folded = words.into_iter().map(fold).filter(|word| word.chars().count() >= MIN_LENGTH);
    let mut entries: Vec<_> = folded.map(|word| entry(&word)).collect();
    entries.sort_unstable();
    entries.dedup();
    entries.concat()
}

fn entry(folded: &str) -> [u8; ENTRY_BYTES] {
    let digest = Sha256::digest(folded.as_bytes());
    std::array::from_fn(|index| digest[index])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_long_compact_and_sorted() {
        let (entries, rest) = LIST.as_chunks::<ENTRY_BYTES>();
        assert!(rest.is_empty());
        assert!(entries.is_sorted_by(|one, next| one < next));
        assert!(entries.len() > 15_000, "{}", entries.len());
        assert!(LIST.len() < 100_000, "{}", LIST.len());
    }

    #[test]
    fn common_passwords_are_on_the_list_and_others_are_not() {
        for word in ["password", "password1", "iloveyou", "sunshine", "1q2w3e4r5t", "баскетбол"]
        {
            let is_listed = contains(&fold(word));
            assert_eq!(is_listed, word.is_ascii(), "{word}");
        }
        // Some thousand texts that nobody has ever chosen.
        assert!((0..2_000).all(|number| !contains(&format!("not on any list {number}"))));
    }

    #[test]
    fn a_list_has_each_word_once_and_no_short_ones() {
        let list = compile(["Password", "PASSWORD", "ｐassword", "short"]);
        assert_eq!(list, entry("password"));
    }
}
