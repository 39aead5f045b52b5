//! Settings: defaults < environment file < environment < secret store, typed, and checked at start
//! with every mistake named at once.
//!
//! Keys, defaults and schemas stand in the manifests. `identity.password.min_length` is set by
//! `PLINTH_IDENTITY_PASSWORD_MIN_LENGTH`, in the process environment or in a file of `NAME=value` lines.

use std::{collections::HashMap, fmt, path::Path};

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::secret::{SecretStore, SecretStoreError};

/// A configuration key, as its module's manifest declares it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConfigKey {
    pub key: &'static str,
    pub description: &'static str,
    /// JSON text.
    pub default: &'static str,
    /// JSON Schema, as text.
    pub schema: &'static str,
    pub secret: bool,
}

impl ConfigKey {
    /// The environment variable that sets this key.
    pub fn variable(&self) -> String {
        format!("PLINTH_{}", self.key.to_uppercase().replace('.', "_"))
    }
}

/// Where values come from, weakest first.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    values: HashMap<String, (String, &'static str)>,
}

impl Sources {
    /// Nothing but defaults.
    pub fn empty() -> Self {
        Self::default()
    }

    /// The environment file, if there is one, under the process environment.
    ///
    /// # Errors
    /// When the file exists and cannot be read, or a line is not `NAME=value`.
    pub fn from_environment(file: Option<&Path>) -> Result<Self, ConfigErrors> {
        let mut sources = Self::default();
        if let Some(path) = file.filter(|path| path.exists()) {
            let text = std::fs::read_to_string(path)
                .map_err(|error| ConfigErrors(vec![format!("{}: {error}", path.display())]))?;
            sources.add_file(&path.display().to_string(), &text)?;
        }
        for (name, value) in std::env::vars().filter(|(name, _)| name.starts_with("PLINTH_")) {
            sources.values.insert(name, (value, "the environment"));
        }
        Ok(sources)
    }

    /// Lays the secret store's values over the keys that are declared secret. The store has them under
    /// the key's own name.
    ///
    /// # Errors
    /// When the store does not answer: a secret setting has no safe default.
    pub async fn with_secrets(
        mut self,
        keys: &[ConfigKey],
        store: &dyn SecretStore,
    ) -> Result<Self, SecretStoreError> {
        for key in keys.iter().filter(|key| key.secret) {
            if let Some(value) = store.get(key.key).await? {
                let value = (value.expose().to_owned(), "the secret store");
                self.values.insert(key.variable(), value);
            }
        }
        Ok(self)
    }

    /// Sets one value, over what is there.
    #[must_use]
    pub fn with(mut self, variable: &str, value: &str) -> Self {
        self.values.insert(variable.to_owned(), (value.to_owned(), "an override"));
        self
    }

    /// The variable's text, if something sets it.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(|(value, _)| value.as_str())
    }

    /// `PLINTH_` variables that are set but that nothing reads: misspelt settings.
    pub fn unknown<'a>(&'a self, known: &'a [String]) -> impl Iterator<Item = &'a str> + 'a {
        self.values.keys().map(String::as_str).filter(|name| !known.iter().any(|k| k == name))
    }

    fn add_file(&mut self, name: &str, text: &str) -> Result<(), ConfigErrors> {
        let mut mistakes = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match line.split_once('=') {
                Some((key, value)) => {
                    let value = value.trim().trim_matches('"').to_owned();
                    self.values.insert(key.trim().to_owned(), (value, "the environment file"));
                }
                None => mistakes.push(format!("{name}:{}: not a `NAME=value` line", index + 1)),
            }
        }
        if mistakes.is_empty() { Ok(()) } else { Err(ConfigErrors(mistakes)) }
    }
}

/// Every mistake in the configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigErrors(pub Vec<String>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "the configuration has {} mistake(s):", self.0.len())?;
        self.0.iter().try_for_each(|mistake| writeln!(f, "  - {mistake}"))
    }
}

/// Reads typed values and collects what is wrong with them.
///
/// ```
/// use kernel::config::{ConfigKey, Reader, Sources};
///
/// const KEYS: &[ConfigKey] = &[ConfigKey {
///     key: "blog.page_size",
///     description: "Posts per page",
///     default: "20",
///     schema: r#"{"type": "integer", "minimum": 1}"#,
///     secret: false,
/// }];
///
/// let sources = Sources::empty().with("PLINTH_BLOG_PAGE_SIZE", "0");
/// let mut reader = Reader::new(&sources, KEYS);
/// let _page_size: u32 = reader.get("blog.page_size");
/// assert!(reader.finish().unwrap_err().to_string().contains("PLINTH_BLOG_PAGE_SIZE"));
/// ```
#[derive(Debug)]
pub struct Reader<'a> {
    sources: &'a Sources,
    keys: &'a [ConfigKey],
    mistakes: Vec<String>,
}

impl<'a> Reader<'a> {
    pub fn new(sources: &'a Sources, keys: &'a [ConfigKey]) -> Self {
        Self { sources, keys, mistakes: Vec::new() }
    }

    /// The value of a declared key. After a mistake it is `T`'s default, and [`Self::finish`] fails.
    pub fn get<T: DeserializeOwned + Default>(&mut self, key: &str) -> T {
        let Some(declared) = self.keys.iter().find(|declared| declared.key == key) else {
            self.mistakes.push(format!("`{key}` is read but no manifest declares it"));
            return T::default();
        };
        let variable = declared.variable();
        let (value, place) = match self.sources.values.get(&variable) {
            Some((text, place)) => (parse(text, declared), *place),
            None => (serde_json::from_str(declared.default).unwrap_or(Value::Null), "the default"),
        };
        let checked = check(&value, declared)
            .and_then(|()| T::deserialize(value).map_err(|error| error.to_string()));
        checked.unwrap_or_else(|reason| {
            self.mistakes.push(format!("{variable} ({key}, from {place}): {reason}"));
            T::default()
        })
    }

    /// `Ok` when every value was fine.
    pub fn finish(self) -> Result<(), ConfigErrors> {
        if self.mistakes.is_empty() { Ok(()) } else { Err(ConfigErrors(self.mistakes)) }
    }
}

/// A variable's text is JSON where the schema wants a number, flag, list or object, else a string.
fn parse(text: &str, declared: &ConfigKey) -> Value {
    let schema: Value = serde_json::from_str(declared.schema).unwrap_or(Value::Null);
    if schema["type"] == "string" {
        return Value::from(text);
    }
    serde_json::from_str(text).unwrap_or_else(|_| Value::from(text))
}

/// The keywords of JSON Schema that settings use; the manifest check has the whole of it.
fn check(value: &Value, declared: &ConfigKey) -> Result<(), String> {
    let schema: Value = serde_json::from_str(declared.schema).unwrap_or(Value::Null);
    let shown = if declared.secret { "the value".to_owned() } else { value.to_string() };
    let fits = match schema["type"].as_str() {
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        _ => true,
    };
    if !fits {
        return Err(format!("{shown} is not of type {}", schema["type"]));
    }
    if let (Some(number), Some(minimum)) = (value.as_f64(), schema["minimum"].as_f64())
        && number < minimum
    {
        return Err(format!("{shown} is below the minimum {minimum}"));
    }
    if let (Some(number), Some(maximum)) = (value.as_f64(), schema["maximum"].as_f64())
        && number > maximum
    {
        return Err(format!("{shown} is above the maximum {maximum}"));
    }
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.contains(value)
    {
        return Err(format!("{shown} is not one of {}", schema["enum"]));
    }
    if let (Some(text), Some(length)) = (value.as_str(), schema["minLength"].as_u64())
        && (text.chars().count() as u64) < length
    {
        return Err(format!("{shown} is shorter than {length}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    const KEYS: &[ConfigKey] = &[
        ConfigKey {
            key: "demo.size",
            description: "",
            default: "5",
            schema: r#"{"type":"integer","minimum":1,"maximum":10}"#,
            secret: false,
        },
        ConfigKey {
            key: "demo.name",
            description: "",
            default: "\"x\"",
            schema: r#"{"type":"string"}"#,
            secret: false,
        },
        ConfigKey {
            key: "demo.pin",
            description: "",
            default: "null",
            schema: r#"{"type":"integer"}"#,
            secret: true,
        },
    ];

    #[test]
    fn the_environment_wins_over_the_file_and_the_file_over_the_default() {
        let mut sources = Sources::empty();
        sources
            .add_file("test.env", "# sizes\nPLINTH_DEMO_SIZE=7\nPLINTH_DEMO_NAME=\"123\"\n")
            .unwrap();
        let mut reader = Reader::new(&sources, KEYS);
        assert_eq!(reader.get::<u8>("demo.size"), 7);
        assert_eq!(reader.get::<String>("demo.name"), "123");
        let sources = sources.with("PLINTH_DEMO_SIZE", "8");
        assert_eq!(Reader::new(&sources, KEYS).get::<u8>("demo.size"), 8);
        assert_eq!(Reader::new(&Sources::empty(), KEYS).get::<u8>("demo.size"), 5);
    }

    #[test]
    fn every_mistake_is_named_at_once_and_a_secret_is_not_shown() {
        let sources =
            Sources::empty().with("PLINTH_DEMO_SIZE", "11").with("PLINTH_DEMO_PIN", "hunter2");
        let mut reader = Reader::new(&sources, KEYS);
        let _: u8 = reader.get("demo.size");
        let _: u8 = reader.get("demo.pin");
        let _: u8 = reader.get("demo.missing");
        let ConfigErrors(mistakes) = reader.finish().unwrap_err();
        assert_eq!(mistakes.len(), 3, "{mistakes:?}");
        assert!(!mistakes.concat().contains("hunter2"));
    }

    /// Has one value under every name.
    struct OneSecret(&'static str);

    #[async_trait::async_trait]
    impl SecretStore for OneSecret {
        async fn get(&self, _: &str) -> Result<Option<Secret>, SecretStoreError> {
            Ok(Some(Secret::new(self.0)))
        }

        async fn put(&self, _: &str, _: &Secret) -> Result<(), SecretStoreError> {
            Err(SecretStoreError("read only".to_owned()))
        }
    }

    #[tokio::test]
    async fn the_secret_store_wins_for_secret_keys_and_only_for_them() {
        let sources = Sources::empty().with("PLINTH_DEMO_PIN", "1").with("PLINTH_DEMO_SIZE", "2");
        let sources = sources.with_secrets(KEYS, &OneSecret("7")).await.unwrap();
        let mut reader = Reader::new(&sources, KEYS);
        assert_eq!((reader.get::<u8>("demo.pin"), reader.get::<u8>("demo.size")), (7, 2));
    }

    #[test]
    fn a_misspelt_variable_is_found() {
        let sources = Sources::empty().with("PLINTH_DEMO_SIZ", "1");
        let known: Vec<_> = KEYS.iter().map(ConfigKey::variable).collect();
        assert_eq!(sources.unknown(&known).collect::<Vec<_>>(), ["PLINTH_DEMO_SIZ"]);
    }
}
