//! Tables: no more indexes than the template can describe.

use crate::Manifest;
use crate::problem::Problems;

const MOST_INDEXES: u8 = 5;

pub(super) fn check(name: &str, module: &Manifest, problems: &mut Problems) {
    if let Some(table) = &module.table
        && table.indexes > MOST_INDEXES
    {
        let message = format!("is {}, more than {MOST_INDEXES}", table.indexes);
        problems.add(name, "table.indexes", message);
    }
}

#[cfg(test)]
mod tests {
    use crate::fixture::problems;

    #[test]
    fn a_table_has_at_most_five_indexes() {
        assert!(problems(&[("notes", "table: {indexes: 5, stream: true}")]).is_empty());
        assert_eq!(
            problems(&[("notes", "table: {indexes: 6}")]),
            ["functions/notes/module.yaml: table.indexes: is 6, more than 5"]
        );
    }
}
