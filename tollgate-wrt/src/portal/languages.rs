//! Translations: a JSON file for each language, read once at the start.
//!
//! English is in the program. Others come from the package, and from the owner,
//! whose files add languages and replace single texts. What a file lacks is
//! shown in English.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use log::warn;
use serde_json::{Map, Value};

use crate::files;
use crate::paths::Paths;

const ENGLISH: &str = include_str!("languages/en.json");

/// Most languages that are read: each costs memory.
const MOST: usize = 48;

/// All languages that there are, English first and then by their tags.
#[derive(Debug)]
pub struct Languages {
    all: Vec<Language>,
}

/// The texts of one language.
#[derive(Debug)]
pub struct Language {
    /// Its tag (BCP 47): `de`, `pt-BR`.
    pub tag: String,
    /// By the places of their names, which all languages share.
    texts: Vec<Box<str>>,
    /// The names of all texts, in order.
    names: Arc<[Box<str>]>,
}

impl Languages {
    /// English alone.
    pub fn english() -> Self {
        // A test reads it.
        let texts = serde_json::from_str::<Map<String, Value>>(ENGLISH).unwrap_or_default();
        let (names, texts): (Vec<Box<str>>, _) = texts
            .into_iter()
            .map(|(name, text)| {
                (
                    Box::from(name),
                    Box::from(text.as_str().unwrap_or_default()),
                )
            })
            .unzip();
        let (tag, names) = ("en".to_owned(), names.into());
        Self {
            all: vec![Language { tag, texts, names }],
        }
    }

    /// English, and every file of the package and of the owner. Also gives what
    /// is wrong with them; what is not wrong is used.
    pub fn load(paths: &Paths) -> (Self, Vec<String>) {
        let mut languages = Self::english();
        let mut warnings = Vec::new();
        for directory in [paths.portal(), paths.own_portal()] {
            if let Err(error) = languages.read_all(&directory, &mut warnings) {
                warnings.push(format!("{}: {error}", directory.display()));
            }
        }
        if let Some((_, others)) = languages.all.split_first_mut() {
            others.sort_by(|left, right| left.tag.cmp(&right.tag));
        }
        for warning in &warnings {
            warn!(warning = warning.as_str(); "a translation");
        }
        (languages, warnings)
    }

    fn read_all(&mut self, directory: &Path, warnings: &mut Vec<String>) -> io::Result<()> {
        let entries = match fs::read_dir(directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        let mut paths = entries
            .map(|entry| Ok(entry?.path()))
            .collect::<io::Result<Vec<_>>>()?;
        paths.retain(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        });
        paths.sort();
        for path in paths {
            if let Err(why) = self.read(&path, warnings) {
                warnings.push(format!("{} is not used: {why}", path.display()));
            }
        }
        Ok(())
    }

    fn read(&mut self, path: &Path, warnings: &mut Vec<String>) -> Result<(), String> {
        let tag = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .unwrap_or_default();
        if !is_tag(tag) {
            return Err("its name is no language's, such as de.json".to_owned());
        }
        let text = files::read_text(path).map_err(|error| error.to_string())?;
        let texts: Map<String, Value> =
            serde_json::from_str(&text).map_err(|error| error.to_string())?;
        self.add(tag, &texts, |what| {
            warnings.push(format!("{}: {what}", path.display()));
        })
    }

    /// Adds a language, or texts to one that is known.
    fn add(
        &mut self,
        tag: &str,
        texts: &Map<String, Value>,
        mut odd: impl FnMut(String),
    ) -> Result<(), String> {
        let known = self.all.iter().position(|language| language.tag == tag);
        let at = match known {
            Some(at) => at,
            None if self.all.len() >= MOST => return Err("there are too many languages".to_owned()),
            None if !texts.contains_key("language") => {
                return Err("it does not name its `language`".to_owned());
            }
            None => {
                let (texts, names) = (self.all[0].texts.clone(), Arc::clone(&self.all[0].names));
                let tag = tag.to_owned();
                self.all.push(Language { tag, texts, names });
                self.all.len() - 1
            }
        };
        for (name, text) in texts {
            let place = self.all[0].place(name);
            let fits = |text: &&str| match name.as_str() {
                "direction" => matches!(*text, "ltr" | "rtl"),
                _ => placeholders(text) == placeholders(self.all[0].text(name)),
            };
            match (place, text.as_str().filter(fits)) {
                (Some(place), Some(text)) => self.all[at].texts[place] = text.into(),
                (None, _) => odd(format!("there is no text `{name}`")),
                (_, None) => odd(format!(
                    "`{name}` has to be a text with what is in braces in the English one"
                )),
            }
        }
        Ok(())
    }

    /// The language that was asked for, or else the first that the browser
    /// (`Accept-Language`) knows; English where there is none of them.
    pub fn choose(&self, asked: Option<&str>, header: Option<&str>) -> &Language {
        let asked = asked.and_then(|tag| self.find(tag));
        let preferred = || {
            let mut wanted: Vec<(u16, &str)> = header?.split(',').take(32).map(weighed).collect();
            // Stable: of equals the first.
            wanted.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
            let acceptable = wanted.iter().filter(|(weight, _)| *weight > 0);
            { acceptable }.find_map(|(_, tag)| self.find(tag))
        };
        asked.or_else(preferred).unwrap_or(&self.all[0])
    }

    /// A language by its tag, or by the longest part of it that is known.
    fn find(&self, tag: &str) -> Option<&Language> {
        let mut tag = tag;
        loop {
            let found = self
                .all
                .iter()
                .find(|language| language.tag.eq_ignore_ascii_case(tag));
            if found.is_some() {
                return found;
            }
            tag = tag.rsplit_once('-')?.0;
        }
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &Language> {
        self.all.iter()
    }
}

impl Language {
    fn place(&self, name: &str) -> Option<usize> {
        self.names
            .binary_search_by(|known| (**known).cmp(name))
            .ok()
    }

    /// A text by its name, empty where there is none.
    pub fn text(&self, name: &str) -> &str {
        self.known(name).unwrap_or_default()
    }

    /// A text by its name, if there is one.
    pub fn known(&self, name: &str) -> Option<&str> {
        self.place(name).map(|place| &*self.texts[place])
    }

    /// Whether it is written from right to left.
    fn is_rtl(&self) -> bool {
        self.text("direction") == "rtl"
    }

    /// A text with values for what stands in braces. In a text from right to
    /// left they are isolated, so that "5 MB" stays in this order.
    pub fn say(&self, name: &str, values: &[(&str, &str)]) -> String {
        let mut said = String::new();
        let mut rest = self.text(name);
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').unwrap_or((after, ""));
            let value = values.iter().find(|(known, _)| *known == name);
            let value = value.map_or("", |(_, value)| value);
            let isolated = self.is_rtl();
            said.push_str(before);
            said.extend(isolated.then_some('\u{2068}'));
            said.push_str(value);
            said.extend(isolated.then_some('\u{2069}'));
            rest = after;
        }
        said + rest
    }
}

/// The names in braces, in order.
fn placeholders(text: &str) -> Vec<&str> {
    let parts = text.split('{').skip(1);
    let mut names: Vec<&str> = parts
        .map(|part| part.split('}').next().unwrap_or_default())
        .collect();
    names.sort_unstable();
    names
}

/// Whether a text can be a language's tag.
fn is_tag(tag: &str) -> bool {
    let mut parts = tag.split('-');
    let language = parts.next().unwrap_or_default();
    matches!(language.len(), 2 | 3)
        && language.bytes().all(|byte| byte.is_ascii_lowercase())
        && parts.all(|part| {
            matches!(part.len(), 2..=8) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
}

/// One of the browser's languages, and how much it is liked, in thousandths.
fn weighed(item: &str) -> (u16, &str) {
    let (tag, weight) = item.split_once(';').unwrap_or((item, ""));
    let weight = weight.trim().strip_prefix("q=").unwrap_or("1");
    let weight = weight.trim().parse::<f32>().unwrap_or(0.0);
    ((weight.clamp(0.0, 1.0) * 1_000.0) as u16, tag.trim())
}

#[cfg(test)]
mod tests;
