//! What is wrong with the manifests, worded for the person who edits them.

use std::fmt;

/// One mistake and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file, relative to the repository.
    pub file: String,
    /// The field, such as `routes[3].permission`; empty when the message names it.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, field, message } = self;
        match field.as_str() {
            "" => write!(out, "{file}: {message}"),
            field => write!(out, "{file}: {field}: {message}"),
        }
    }
}

/// Everything that is wrong with a set of manifests; displays one problem a line and the count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// The problems, in the order of the files.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }

    pub(crate) fn of(file: &str, field: &str, message: String) -> Self {
        Self(vec![Problem { file: file.to_owned(), field: field.to_owned(), message }])
    }

    pub(crate) fn add(
        &mut self,
        module: &str,
        field: impl Into<String>,
        message: impl Into<String>,
    ) {
        self.add_in(&file(module), field, message);
    }

    /// A problem in a file that is no manifest.
    pub(crate) fn add_in(
        &mut self,
        file: &str,
        field: impl Into<String>,
        message: impl Into<String>,
    ) {
        let (file, field, message) = (file.to_owned(), field.into(), message.into());
        self.0.push(Problem { file, field, message });
    }

    pub(crate) fn none_or<T>(mut self, value: T) -> Result<T, Self> {
        // Stable: within a file the problems stay in the order of the rules.
        self.0.sort_by(|a, b| a.file.cmp(&b.file));
        if self.0.is_empty() { Ok(value) } else { Err(self) }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.0 {
            writeln!(out, "{problem}")?;
        }
        let plural = if self.0.len() == 1 { "" } else { "s" };
        write!(out, "{} problem{plural}", self.0.len())
    }
}

impl std::error::Error for Problems {}

/// The manifest of a module, relative to the repository.
pub(crate) fn file(module: &str) -> String {
    format!("functions/{module}/module.yaml")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_are_listed_one_a_line_by_file_and_end_with_their_count() {
        let mut problems = Problems::default();
        problems.add("b", "", "unreadable");
        problems.add("a", "name", "wrong");
        let problems = problems.none_or(()).unwrap_err();
        assert_eq!(
            problems.to_string(),
            "functions/a/module.yaml: name: wrong\n\
             functions/b/module.yaml: unreadable\n\
             2 problems"
        );
    }
}
