//! What serde leaves open: lists that are `null`, objects that are lists, and
//! words that are objects. For `deserialize_with`.

use serde::de::{Error as _, Unexpected};
use serde::{Deserialize, Deserializer};

use super::Object;

/// A list; the Go daemon writes one that was never filled as `null`.
///
/// # Errors
/// What is in it does not fit.
pub fn list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// A [`list`] of objects.
///
/// # Errors
/// What is in it does not fit.
pub fn objects<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let objects: Vec<Object<T>> = list(deserializer)?;
    Ok(objects.into_iter().map(|object| object.0).collect())
}

/// An object.
///
/// # Errors
/// It is none, or what is in it does not fit.
pub fn object<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Object::deserialize(deserializer).map(|object| object.0)
}

/// One of a few words. serde would also take an object with the word as its key.
///
/// # Errors
/// It is no text, or `read` does not know it.
pub fn word<'de, D, T>(deserializer: D, read: impl Fn(&str) -> Option<T>) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
{
    let text = String::deserialize(deserializer)?;
    read(&text)
        .ok_or_else(|| D::Error::invalid_value(Unexpected::Str(&text), &"one of the known words"))
}
