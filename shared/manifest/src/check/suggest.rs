//! Guesses what was meant by a name that nobody declared.

/// `; did you mean "..."?` with the most similar candidate, or nothing if none is similar.
pub(super) fn did_you_mean<'a>(
    written: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> String {
    let similar = written.chars().count() / 3;
    candidates
        .into_iter()
        .map(|candidate| (distance(written, candidate), candidate))
        .filter(|(distance, _)| *distance <= similar)
        .min()
        .map_or_else(String::new, |(_, candidate)| format!("; did you mean \"{candidate}\"?"))
}

/// The Levenshtein distance: how many insertions, deletions and replacements lie between two
/// texts.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.chars().enumerate() {
            let replaced = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[row.len() - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_candidate_is_suggested() {
        let known = ["user.read", "user.reset", "role.read"];
        assert_eq!(did_you_mean("user.raed", known), "; did you mean \"user.read\"?");
    }

    #[test]
    fn nothing_is_suggested_when_nothing_is_similar() {
        assert_eq!(did_you_mean("invoice.pay", ["user.read"]), "");
    }

    #[test]
    fn distance_counts_the_edits() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("same", "same"), 0);
    }
}
