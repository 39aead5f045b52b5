//! A deployment template, as far as the checks look at it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_yaml_ng::Value;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Template {
    #[serde(default)]
    pub parameters: BTreeMap<String, Value>,
    #[serde(default)]
    pub globals: Value,
    #[serde(default)]
    pub resources: BTreeMap<String, Resource>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Resource {
    #[serde(rename = "Type")]
    pub kind: String,
    #[serde(default)]
    pub properties: Value,
}

/// A statement of a role's policy.
#[derive(Debug)]
pub struct Statement<'a> {
    /// Name of the role's resource.
    pub role: &'a str,
    pub actions: Vec<String>,
    /// ARNs, with what functions such as `!Sub` leave open still in them.
    pub resources: Vec<String>,
}

impl Template {
    pub fn parse(yaml: &str) -> Result<Self, String> {
        serde_yaml_ng::from_str(yaml).map_err(|error| error.to_string())
    }

    pub fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = (&'a str, &'a Value)> + 'a {
        let found = self.resources.iter().filter(move |(_, resource)| resource.kind == kind);
        found.map(|(name, resource)| (name.as_str(), &resource.properties))
    }

    /// What the roles allow.
    pub fn statements(&self) -> Vec<Statement<'_>> {
        let mut statements = Vec::new();
        for (role, properties) in self.of_kind("AWS::IAM::Role") {
            for policy in items(&properties["Policies"]) {
                for statement in items(&policy["PolicyDocument"]["Statement"]) {
                    if statement["Effect"] == "Allow" {
                        let actions = texts(&statement["Action"]);
                        statements.push(Statement {
                            role,
                            actions,
                            resources: texts(&statement["Resource"]),
                        });
                    }
                }
            }
        }
        statements
    }
}

/// The items of a list; of anything else the thing itself, but for nothing.
pub fn items(value: &Value) -> &[Value] {
    match value {
        Value::Sequence(items) => items,
        Value::Null => &[],
        one => std::slice::from_ref(one),
    }
}

/// The texts in a list or a single value, also those inside of `!Sub` and its like.
pub fn texts(value: &Value) -> Vec<String> {
    items(value).iter().filter_map(text).collect()
}

/// A text, also inside of `!Sub` and its like.
pub fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Tagged(tagged) => text(&tagged.value),
        Value::Sequence(items) => items.first().and_then(text),
        _ => None,
    }
}

/// The keys of a map.
pub fn keys(value: &Value) -> impl Iterator<Item = &str> {
    value.as_mapping().into_iter().flatten().filter_map(|(key, _)| key.as_str())
}
