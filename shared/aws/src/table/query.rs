use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Serialize, de::DeserializeOwned};

use super::{Attributes, StoreError, Table, text_of, write::names_in};

/// How many items a filtered query reads before it answers with what it found so far. Bounds the
/// cost of one request; the cursor goes on from there.
const MAX_EXAMINED: i32 = 2_000;

/// A query of one partition, of the table or of an index.
///
/// ```
/// use aws::Query;
///
/// let members = Query::partition("T#1#ROLE#7").index(1).prefix("USER#").limit(20);
/// ```
#[derive(Debug, Clone)]
pub struct Query {
    index: Option<u8>,
    partition: String,
    sort: Sort,
    is_descending: bool,
    limit: u32,
    after: Option<String>,
    filter: Option<String>,
    values: HashMap<String, AttributeValue>,
}

#[derive(Debug, Clone)]
enum Sort {
    Any,
    Prefix(String),
    Between(String, String),
}

impl Query {
    pub fn partition(pk: impl Into<String>) -> Self {
        Self {
            index: None,
            partition: pk.into(),
            sort: Sort::Any,
            is_descending: false,
            limit: 100,
            after: None,
            filter: None,
            values: HashMap::new(),
        }
    }

    /// Of this index. Indexes lag behind the table by moments.
    #[must_use]
    pub fn index(mut self, number: u8) -> Self {
        self.index = Some(number);
        self
    }

    /// Only sort keys that begin so.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.sort = Sort::Prefix(prefix.into());
        self
    }

    /// Only sort keys within these, both included.
    #[must_use]
    pub fn between(mut self, from: impl Into<String>, to: impl Into<String>) -> Self {
        self.sort = Sort::Between(from.into(), to.into());
        self
    }

    /// Largest sort key first.
    #[must_use]
    pub fn descending(mut self) -> Self {
        self.is_descending = true;
        self
    }

    /// At most so many items.
    #[must_use]
    pub fn limit(mut self, limit: u32) -> Self {
        self.limit = limit;
        self
    }

    /// From after this position, which [`Rows::next`] gave.
    #[must_use]
    pub fn after(mut self, position: Option<String>) -> Self {
        self.after = position;
        self
    }

    /// Only items for which the filter expression holds (`#name` resolves by itself). What is filtered
    /// out is still read and paid for.
    #[must_use]
    pub fn filter(mut self, expression: &str) -> Self {
        self.filter = Some(match self.filter.take() {
            Some(before) => format!("{before} AND ({expression})"),
            None => format!("({expression})"),
        });
        self
    }

    /// The value of a `:placeholder` in the filter.
    #[must_use]
    pub fn value(mut self, placeholder: &str, value: &impl Serialize) -> Self {
        let value = serde_dynamo::aws_sdk_dynamodb_1::to_attribute_value(value);
        self.values.insert(placeholder.to_owned(), value.expect("an attribute serialises"));
        self
    }
}

/// One page of a query.
#[derive(Debug, Clone)]
pub struct Rows<T> {
    pub items: Vec<T>,
    /// The position after the last item, if there is more. For a cursor; not for showing.
    pub next: Option<String>,
}

impl Table {
    /// One page of items. A page of a filtered query may be short, or even empty, and still have a `next`.
    pub async fn query<T: DeserializeOwned>(&self, query: Query) -> Result<Rows<T>, StoreError> {
        let wanted = usize::try_from(query.limit).unwrap_or(usize::MAX);
        let mut start = match query.after.as_deref() {
            Some(position) => Some(self.position(position)?),
            None => None,
        };
        let mut found: Vec<Attributes> = Vec::new();
        let mut examined = 0;
        loop {
            // One more than wanted tells whether there is a next page.
            let reply = self.query_once(&query, wanted + 1 - found.len(), start.take()).await?;
            examined += reply.scanned_count;
            found.extend(reply.items.unwrap_or_default());
            start = reply.last_evaluated_key;
            if start.is_none() || found.len() > wanted || examined >= MAX_EXAMINED {
                break;
            }
        }
        let next = if found.len() > wanted {
            found.truncate(wanted);
            found.last().map(|item| encode_position(item, query.index))
        } else {
            start.map(|key| encode_position(&key, query.index))
        };
        let items = found.into_iter().map(|item| self.parse(item)).collect::<Result<_, _>>()?;
        Ok(Rows { items, next })
    }

    async fn query_once(
        &self,
        query: &Query,
        missing: usize,
        start: Option<Attributes>,
    ) -> Result<aws_sdk_dynamodb::operation::query::QueryOutput, StoreError> {
        let (pk, sk) = key_names(query.index);
        let mut condition = "#pk = :pk".to_owned();
        let mut names = HashMap::from([("#pk".to_owned(), pk)]);
        let mut values = query.values.clone();
        values.insert(":pk".to_owned(), AttributeValue::S(query.partition.clone()));
        let mut add = |name: &str, value: &String| {
            values.insert(name.to_owned(), AttributeValue::S(value.clone()));
        };
        match &query.sort {
            Sort::Any => {}
            Sort::Prefix(prefix) => {
                condition.push_str(" AND begins_with(#sk, :sk)");
                add(":sk", prefix);
            }
            Sort::Between(from, to) => {
                condition.push_str(" AND #sk BETWEEN :sk_from AND :sk_to");
                add(":sk_from", from);
                add(":sk_to", to);
            }
        }
        if !matches!(query.sort, Sort::Any) {
            names.insert("#sk".to_owned(), sk);
        }
        if let Some(filter) = &query.filter {
            names.extend(names_in(filter));
        }
        // A filter wants larger gulps: most of what is read is thrown away.
        let gulp = if query.filter.is_some() { 200 } else { missing };
        let request = self
            .client
            .query()
            .table_name(&self.name)
            .set_index_name(query.index.map(|number| format!("gsi{number}")))
            .consistent_read(query.index.is_none())
            .key_condition_expression(condition)
            .set_filter_expression(query.filter.clone())
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(Some(values))
            .scan_index_forward(!query.is_descending)
            .limit(i32::try_from(gulp).unwrap_or(i32::MAX))
            .set_exclusive_start_key(start);
        request.send().await.map_err(|error| self.unavailable(&error))
    }

    fn position(&self, position: &str) -> Result<Attributes, StoreError> {
        let texts: HashMap<String, String> = serde_json::from_str(position).map_err(|error| {
            StoreError::Malformed { table: self.name.clone(), reason: format!("position: {error}") }
        })?;
        Ok(texts.into_iter().map(|(name, text)| (name, AttributeValue::S(text))).collect())
    }
}

fn key_names(index: Option<u8>) -> (String, String) {
    match index {
        Some(number) => (format!("gsi{number}pk"), format!("gsi{number}sk")),
        None => ("pk".to_owned(), "sk".to_owned()),
    }
}

/// The keys of an item as text. All keys are texts, so nothing is lost.
fn encode_position(item: &Attributes, index: Option<u8>) -> String {
    let mut names = vec!["pk".to_owned(), "sk".to_owned()];
    if index.is_some() {
        let (pk, sk) = key_names(index);
        names.extend([pk, sk]);
    }
    let texts: std::collections::BTreeMap<_, _> =
        names.iter().map(|name| (name, text_of(item, name))).collect();
    serde_json::to_string(&texts).expect("texts serialise")
}
