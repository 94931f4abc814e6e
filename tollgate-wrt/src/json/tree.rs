//! A document as it was written, before it is held against a schema.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::{Path, Step};

/// A whole document. Unlike [`Value`] it refuses an object with the same key
/// twice: readers differ in which of the two counts.
pub(super) struct Tree(pub(super) Value);

impl Tree {
    /// Takes the members out for which `is_unset` says so, at any depth.
    pub(super) fn without(mut self, is_unset: impl Fn(&Path, &Value) -> bool) -> Value {
        prune(&mut self.0, &mut Path::default(), &is_unset);
        self.0
    }
}

fn prune(value: &mut Value, path: &mut Path, is_unset: &impl Fn(&Path, &Value) -> bool) {
    match value {
        Value::Object(members) => members.retain(|key, member| {
            path.0.push(Step::Key(key.clone()));
            let stays = !is_unset(path, member);
            prune(member, path, is_unset);
            path.0.pop();
            stays
        }),
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                path.0.push(Step::Index(index));
                prune(item, path, is_unset);
                path.0.pop();
            }
        }
        _ => {}
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Nodes).map(Self)
    }
}

struct Nodes;

impl<'de> Visitor<'de> for Nodes {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(Tree(item)) = items.next_element()? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = members.next_key::<String>()? {
            if object.contains_key(&key) {
                // In the words of serde's own error, which wants a static name.
                return Err(A::Error::custom(format_args!("duplicate field `{key}`")));
            }
            let Tree(member) = members.next_value()?;
            object.insert(key, member);
        }
        Ok(Value::Object(object))
    }
}
