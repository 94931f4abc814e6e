//! The control file: `Name: value` lines, continued by lines with a blank.

use std::collections::HashSet;

use serde::{Serialize, Serializer};

/// Fields in the order of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Control(Vec<(String, String)>);

impl Serialize for Control {
    /// An object in the file's order. Of a field that stands twice it has the
    /// first, as [`Control::get`].
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seen = HashSet::new();
        let first = self.0.iter().filter(|(name, _)| seen.insert(name));
        serializer.collect_map(first.map(|(name, value)| (name, value)))
    }
}

impl Control {
    /// Reads the text; the first line that is no field is returned beside it.
    pub fn parse(text: &str) -> (Self, Option<String>) {
        let mut fields: Vec<(String, String)> = Vec::new();
        let mut strange = None;
        for line in text.lines() {
            if line.starts_with([' ', '\t']) {
                match fields.last_mut() {
                    Some((_, value)) => {
                        value.push('\n');
                        value.push_str(&line[1..]);
                    }
                    None => {
                        strange.get_or_insert(line);
                    }
                }
            } else if let Some((name, value)) =
                line.split_once(':').filter(|(name, _)| is_name(name))
            {
                fields.push((
                    name.to_owned(),
                    value.strip_prefix(' ').unwrap_or(value).to_owned(),
                ));
            } else if !line.is_empty() {
                strange.get_or_insert(line);
            }
        }
        (Self(fields), strange.map(str::to_owned))
    }

    /// Fields that were read elsewhere.
    pub(super) fn from_fields(fields: Vec<(String, String)>) -> Self {
        Self(fields)
    }

    /// The value of a field.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(found, _)| found == name)
            .map(|(_, value)| value.as_str())
    }

    /// All fields.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Package names in `Depends`, without constraints.
    pub fn depends(&self) -> impl Iterator<Item = &str> {
        let list = self.get("Depends").unwrap_or_default();
        list.split(',')
            .filter_map(|entry| entry.split([' ', '(']).find(|word| !word.is_empty()))
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_and_continuations() {
        let text =
            "Package: x\nDepends: libc, a (>=1.0), b(<2)\nDescription:  One\n Two\n \nhello\n";
        let (control, strange) = Control::parse(text);
        assert_eq!(control.get("Description"), Some(" One\nTwo\n"));
        assert_eq!(control.depends().collect::<Vec<_>>(), ["libc", "a", "b"]);
        assert_eq!(strange.as_deref(), Some("hello"));
        let json = serde_json::to_string(&Control::parse("B: 1\nA: 2\nB: 3\n").0).unwrap();
        assert_eq!(json, r#"{"B":"1","A":"2"}"#);
        assert_eq!(Control::parse(" x").1.as_deref(), Some(" x"));
        assert_eq!(Control::parse(text.trim_end_matches("hello\n")).1, None);
    }
}
