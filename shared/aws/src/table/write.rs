use std::collections::HashMap;

use aws_sdk_dynamodb::{
    Client,
    error::SdkError,
    operation::{
        delete_item::DeleteItemError,
        put_item::PutItemError,
        update_item::{UpdateItemError, builders::UpdateItemFluentBuilder},
    },
    types::{AttributeValue, ConditionCheck, Delete, Put, TransactWriteItem, Update},
};
use jiff::Timestamp;
use kernel::{event::Envelope, stream::PENDING};
use serde::Serialize;

use super::{Attributes, Key};

/// One write: what, where, on which conditions, announcing what.
///
/// Attribute names in expressions are written `#name` and resolve to `name` by themselves; values are
/// given with [`Write::value`].
///
/// ```
/// use aws::{Key, Write};
///
/// let rename = Write::update(Key::new("T#1#ROLE#7", "role"))
///     .set("name", &"editor")
///     .add("version", 1)
///     .when("#version = :expected")
///     .value(":expected", &3);
/// ```
#[derive(Debug, Clone)]
pub struct Write {
    kind: Kind,
    key: Key,
    conditions: Vec<String>,
    names: HashMap<String, String>,
    values: HashMap<String, AttributeValue>,
}

#[derive(Debug, Clone)]
enum Kind {
    Put { item: Attributes },
    Update { set: Vec<String>, add: Vec<String>, remove: Vec<String>, delete: Vec<String> },
    Delete,
    Check,
}

impl Write {
    /// Stores the whole item, replacing any that was there.
    ///
    /// # Panics
    /// When the value does not serialise to a map: a bug in the item's type.
    pub fn put(key: Key, value: &impl Serialize) -> Self {
        let mut item: Attributes =
            serde_dynamo::aws_sdk_dynamodb_1::to_item(value).expect("an item serialises to a map");
        item.extend(key.attributes());
        Self::new(Kind::Put { item }, key)
    }

    /// Changes attributes, making the item if it is not there (see [`Self::if_present`]).
    pub fn update(key: Key) -> Self {
        let kind = Kind::Update {
            set: Vec::new(),
            add: Vec::new(),
            remove: Vec::new(),
            delete: Vec::new(),
        };
        Self::new(kind, key)
    }

    pub fn delete(key: Key) -> Self {
        Self::new(Kind::Delete, key)
    }

    /// Writes nothing, but makes the other writes of a transaction depend on this item.
    pub fn check(key: Key) -> Self {
        Self::new(Kind::Check, key)
    }

    fn new(kind: Kind, key: Key) -> Self {
        Self { kind, key, conditions: Vec::new(), names: HashMap::new(), values: HashMap::new() }
    }

    /// Sets an attribute.
    #[must_use]
    pub fn set(mut self, name: &str, value: &impl Serialize) -> Self {
        let value = attribute(value);
        match &mut self.kind {
            Kind::Put { item } => {
                item.insert(name.to_owned(), value);
            }
            Kind::Update { set, .. } => {
                set.push(format!("#{name} = :{name}"));
                self.names.insert(format!("#{name}"), name.to_owned());
                self.values.insert(format!(":{name}"), value);
            }
            Kind::Delete | Kind::Check => unreachable!("a delete or check sets nothing"),
        }
        self
    }

    /// Sets an attribute to what another one has, or to the value if that is not there. Only for updates.
    #[must_use]
    pub fn set_as(mut self, name: &str, other: &str, value: &impl Serialize) -> Self {
        if let Kind::Update { set, .. } = &mut self.kind {
            set.push(format!("#{name} = if_not_exists(#{other}, :{name})"));
            for name in [name, other] {
                self.names.insert(format!("#{name}"), name.to_owned());
            }
            self.values.insert(format!(":{name}"), attribute(value));
        }
        self
    }

    /// Adds to a number, which counts from 0. Only for updates.
    #[must_use]
    pub fn add(mut self, name: &str, amount: i64) -> Self {
        if let Kind::Update { add, .. } = &mut self.kind {
            add.push(format!("#{name} :{name}_add"));
            self.names.insert(format!("#{name}"), name.to_owned());
            self.values.insert(format!(":{name}_add"), AttributeValue::N(amount.to_string()));
        }
        self
    }

    /// Adds texts to a set. Only for updates.
    #[must_use]
    pub fn add_to_set(mut self, name: &str, members: Vec<String>) -> Self {
        if let Kind::Update { add, .. } = &mut self.kind {
            add.push(format!("#{name} :{name}_add"));
            self.names.insert(format!("#{name}"), name.to_owned());
            self.values.insert(format!(":{name}_add"), AttributeValue::Ss(members));
        }
        self
    }

    /// Removes texts from a set. Only for updates.
    #[must_use]
    pub fn remove_from_set(mut self, name: &str, members: Vec<String>) -> Self {
        if let Kind::Update { delete, .. } = &mut self.kind {
            delete.push(format!("#{name} :{name}_delete"));
            self.names.insert(format!("#{name}"), name.to_owned());
            self.values.insert(format!(":{name}_delete"), AttributeValue::Ss(members));
        }
        self
    }

    /// Removes an attribute. Only for updates.
    #[must_use]
    pub fn unset(mut self, name: &str) -> Self {
        if let Kind::Update { remove, .. } = &mut self.kind {
            remove.push(format!("#{name}"));
            self.names.insert(format!("#{name}"), name.to_owned());
        }
        self
    }

    /// Puts the item into index `number` under these keys.
    #[must_use]
    pub fn index(self, number: u8, pk: &str, sk: &str) -> Self {
        self.set(&format!("gsi{number}pk"), &pk).set(&format!("gsi{number}sk"), &sk)
    }

    /// Lets the store remove the item some time after `at`. Readers check the time themselves.
    #[must_use]
    pub fn expires(self, at: Timestamp) -> Self {
        self.set("ttl", &at.as_second())
    }

    /// Announces the events in this very write.
    ///
    /// # Panics
    /// When an envelope does not serialise: a bug in its data.
    #[must_use]
    pub fn announce(self, events: &[Envelope]) -> Self {
        if events.is_empty() {
            return self;
        }
        let text = serde_json::to_string(events).expect("envelopes serialise");
        self.set(PENDING, &text)
    }

    /// Only if no item is there.
    #[must_use]
    pub fn if_absent(self) -> Self {
        self.when("attribute_not_exists(#pk)")
    }

    /// Only if an item is there.
    #[must_use]
    pub fn if_present(self) -> Self {
        self.when("attribute_exists(#pk)")
    }

    /// Only if the attribute has this value.
    #[must_use]
    pub fn if_equals(self, name: &str, value: &impl Serialize) -> Self {
        let placeholder = format!(":{name}_expected");
        self.when(&format!("#{name} = {placeholder}")).value(&placeholder, value)
    }

    /// Only if the condition expression holds.
    #[must_use]
    pub fn when(mut self, expression: &str) -> Self {
        self.names.extend(names_in(expression));
        self.conditions.push(format!("({expression})"));
        self
    }

    /// The value of a `:placeholder`.
    #[must_use]
    pub fn value(mut self, placeholder: &str, value: &impl Serialize) -> Self {
        self.values.insert(placeholder.to_owned(), attribute(value));
        self
    }

    fn condition(&self) -> Option<String> {
        (!self.conditions.is_empty()).then(|| self.conditions.join(" AND "))
    }

    /// Names and values, which the API wants absent rather than empty.
    fn expression_parts(&self) -> (Option<HashMap<String, String>>, Option<Attributes>) {
        let names = (!self.names.is_empty()).then(|| self.names.clone());
        let values = (!self.values.is_empty()).then(|| self.values.clone());
        (names, values)
    }

    pub(super) async fn send(self, client: &Client, table: &str) -> Result<(), WriteError> {
        let condition = self.condition();
        let (names, values) = self.expression_parts();
        match self.kind {
            Kind::Put { item } => {
                let request = client.put_item().table_name(table).set_item(Some(item));
                let request = request
                    .set_condition_expression(condition)
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values);
                request.send().await?;
            }
            Kind::Update { .. } => {
                self.update_request(client, table).send().await?;
            }
            Kind::Delete => {
                let request = client
                    .delete_item()
                    .table_name(table)
                    .set_key(Some(self.key.attributes()))
                    .set_condition_expression(condition)
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values);
                request.send().await?;
            }
            Kind::Check => unreachable!("a check is part of a transaction"),
        }
        Ok(())
    }

    /// The request of an update.
    pub(super) fn update_request(self, client: &Client, table: &str) -> UpdateItemFluentBuilder {
        let (names, values) = self.expression_parts();
        client
            .update_item()
            .table_name(table)
            .set_key(Some(self.key.attributes()))
            .update_expression(self.update_expression())
            .set_condition_expression(self.condition())
            .set_expression_attribute_names(names)
            .set_expression_attribute_values(values)
    }

    pub(super) fn transact_item(self, table: &str) -> TransactWriteItem {
        let condition = self.condition();
        let (names, values) = self.expression_parts();
        let item = TransactWriteItem::builder();
        let complete = "every required member is set";
        match &self.kind {
            Kind::Put { item: attributes } => {
                let put = Put::builder()
                    .table_name(table)
                    .set_item(Some(attributes.clone()))
                    .set_condition_expression(condition)
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values);
                item.put(put.build().expect(complete)).build()
            }
            Kind::Update { .. } => {
                let update = Update::builder()
                    .table_name(table)
                    .set_key(Some(self.key.attributes()))
                    .update_expression(self.update_expression())
                    .set_condition_expression(condition)
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values);
                item.update(update.build().expect(complete)).build()
            }
            Kind::Delete => {
                let delete = Delete::builder()
                    .table_name(table)
                    .set_key(Some(self.key.attributes()))
                    .set_condition_expression(condition)
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values);
                item.delete(delete.build().expect(complete)).build()
            }
            Kind::Check => {
                let check = ConditionCheck::builder()
                    .table_name(table)
                    .set_key(Some(self.key.attributes()))
                    .condition_expression(condition.unwrap_or_default())
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values);
                item.condition_check(check.build().expect(complete)).build()
            }
        }
    }

    fn update_expression(&self) -> String {
        let Kind::Update { set, add, remove, delete } = &self.kind else { return String::new() };
        let clauses = [("SET", set), ("ADD", add), ("REMOVE", remove), ("DELETE", delete)];
        let used = clauses.iter().filter(|(_, parts)| !parts.is_empty());
        used.map(|(verb, parts)| format!("{verb} {}", parts.join(", ")))
            .collect::<Vec<_>>()
            .join(" ")
    }
}

/// Any of the errors of a single write.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(super) enum WriteError {
    Put(#[from] SdkError<PutItemError>),
    Update(#[from] SdkError<UpdateItemError>),
    Delete(#[from] SdkError<DeleteItemError>),
}

impl WriteError {
    pub(super) fn code(&self) -> Option<&str> {
        use aws_sdk_dynamodb::error::ProvideErrorMetadata;
        match self {
            Self::Put(error) => error.code(),
            Self::Update(error) => error.code(),
            Self::Delete(error) => error.code(),
        }
    }
}

fn attribute(value: &impl Serialize) -> AttributeValue {
    serde_dynamo::aws_sdk_dynamodb_1::to_attribute_value(value).expect("an attribute serialises")
}

/// The `#names` of an expression, each standing for the attribute of that name.
pub(super) fn names_in(expression: &str) -> impl Iterator<Item = (String, String)> + '_ {
    expression.split('#').skip(1).map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let name = &rest[..end.unwrap_or(rest.len())];
        (format!("#{name}"), name.to_owned())
    })
}
