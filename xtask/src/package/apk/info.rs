//! What an apk says of itself (package-pack.mk of OpenWrt 25.12: the `--info`
//! arguments of `apk mkpkg`).

use anyhow::{Context, Result, bail, ensure};

use crate::package::adb::depend;
use crate::package::adb::schema::info;
use crate::package::adb::value::Value;
use crate::package::adb::write::Writer;
use crate::package::control;
use crate::package::meta::{Meta, abi_suffix};

/// Bytes of the number that identifies a package.
pub const UNIQUE_ID: usize = 20;

/// The fields as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Info {
    /// As apk has it.
    pub version: String,
    name: String,
    description: String,
    arch: String,
    license: String,
    origin: String,
    maintainer: String,
    url: String,
    priority: Option<u64>,
    depends: Vec<String>,
    provides: Vec<String>,
    tags: Vec<String>,
}

impl Info {
    /// What OpenWrt makes of a recipe's values.
    ///
    /// # Errors
    /// A version that apk does not have, and `extra_depends` that the build
    /// system stops at.
    pub fn of(meta: &Meta) -> Result<Self> {
        let version = super::version(meta)?;
        let suffix = meta.abi_suffix();
        Ok(Self {
            name: meta.full_name(),
            description: one_line(&meta.description),
            arch: match meta.arch.as_str() {
                "all" => "noarch".to_owned(),
                arch => arch.to_owned(),
            },
            license: meta.license.clone(),
            origin: origin(&meta.source),
            maintainer: meta.maintainer.clone(),
            url: meta.url.clone(),
            priority: match () {
                () if meta.default_variant => Some(100),
                () if !meta.abi_version.is_empty() => Some(10),
                () => None,
            },
            depends: depends(meta)?,
            provides: provides(meta, &version),
            tags: match suffix.is_empty() {
                true => Vec::new(),
                false => vec![format!("openwrt:abiversion={suffix}")],
            },
            version,
        })
    }

    /// Writes the fields that are known before the files, in their order.
    ///
    /// # Errors
    /// Dependencies that apk refuses.
    pub fn write(&self, writer: &mut Writer) -> Result<[Value; info::COUNT]> {
        let mut fields = [Value::NULL; info::COUNT];
        for (field, text) in [
            (info::NAME, &self.name),
            (info::VERSION, &self.version),
            (info::DESCRIPTION, &self.description),
            (info::ARCH, &self.arch),
            (info::LICENSE, &self.license),
            (info::ORIGIN, &self.origin),
            (info::MAINTAINER, &self.maintainer),
            (info::URL, &self.url),
        ] {
            fields[field - 1] = writer.blob(text.as_bytes());
        }
        if let Some(priority) = self.priority {
            fields[info::PROVIDER_PRIORITY - 1] = writer.int(priority);
        }
        for (field, key, list) in [
            (info::DEPENDS, "depends", &self.depends),
            (info::PROVIDES, "provides", &self.provides),
        ] {
            fields[field - 1] =
                depend::write_list(writer, list).with_context(|| format!("`{key}`"))?;
        }
        let tags: Vec<Value> = self
            .tags
            .iter()
            .map(|tag| writer.blob(tag.as_bytes()))
            .collect();
        fields[info::TAGS - 1] = writer.object(&tags);
        Ok(fields)
    }
}

/// Adds the fields that the files decide; gives the place of the identifying
/// number, which is still zero.
pub fn finish(writer: &mut Writer, fields: &mut [Value], installed_size: u64) -> usize {
    fields[info::INSTALLED_SIZE - 1] = writer.int(installed_size);
    let (hashes, at) = writer.own_blob(&[0; UNIQUE_ID]);
    fields[info::HASHES - 1] = hashes;
    at
}

/// make's `strip`: every run of white space is one blank.
fn one_line(text: &str) -> String {
    let words: Vec<&str> = text
        .split([' ', '\t', '\n', '\r', '\x0b', '\x0c'])
        .filter(|word| !word.is_empty())
        .collect();
    words.join(" ")
}

/// 25.12's package.mk puts a feed's folder in front of its own packages once
/// more: it compares two names without looking at their values.
fn origin(source: &str) -> String {
    let feed = source
        .strip_prefix("feeds/")
        .and_then(|rest| rest.split_once('/'));
    match feed {
        Some((feed, _)) => format!("feeds/{feed}/{source}"),
        None => source.to_owned(),
    }
}

/// `FormatDepends`: what has a constraint stands once, with it.
fn depends(meta: &Meta) -> Result<Vec<String>> {
    let mut constrained = Vec::new();
    let mut names = Vec::new();
    for dependency in meta.extra_depends.split(',') {
        let mut words = dependency.split_ascii_whitespace();
        let Some(name) = words.next() else { continue };
        ensure!(
            !name.contains('('),
            "`extra_depends` has {name:?}: OpenWrt 25.12 wants a blank before the bracket"
        );
        let (Some(constraint), None) = (words.next(), words.next()) else {
            bail!(
                "`extra_depends` has {dependency:?}: OpenWrt 25.12 wants `NAME (>=VERSION)`, without blanks in the brackets; \
                 what needs no version belongs into `depends`"
            );
        };
        let name = control::with_abi(name);
        let constraint: String = constraint.chars().filter(|c| !"()".contains(*c)).collect();
        constrained.push(format!("{name}{constraint}"));
        names.push(name);
    }
    let own = control::plain_depends(meta);
    let own = own.into_iter().filter(|name| !names.contains(name));
    Ok(constrained.into_iter().chain(own).collect())
}

/// `FormatProvides`: `@name` is a name that several may have, and gets no
/// version; every package has one of its own.
fn provides(meta: &Meta, version: &str) -> Vec<String> {
    let has_abi = !meta.abi_suffix().is_empty();
    let mut all = Vec::new();
    if has_abi {
        all.push(meta.name.clone());
    }
    all.push(format!("{}-any", meta.name));
    for name in meta.provides.iter().filter(|name| **name != meta.name) {
        match name.strip_prefix('@') {
            Some(bare) => all.push(bare.to_owned()),
            None if has_abi => {
                let suffix = abi_suffix(name, &meta.abi_version);
                all.push(name.clone());
                all.push(format!("{name}{suffix}={version}"));
            }
            None => all.push(format!("{name}={version}")),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta() -> Meta {
        Meta {
            name: "x".into(),
            version: "1-r1".into(),
            arch: "all".into(),
            ..Meta::default()
        }
    }

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn constraints_replace_bare_names() {
        let meta = Meta {
            depends: words("+libgcc +a +b @!BROKEN"),
            extra_depends: "b (>=1.0), libgcc (<2)".into(),
            ..meta()
        };
        assert_eq!(
            depends(&meta).unwrap(),
            ["b>=1.0", "libgcc1<2", "libc", "a"]
        );
        for wrong in ["b(>=1)", "b (>= 1)", "b", "b (>=1) c"] {
            let meta = Meta {
                extra_depends: wrong.into(),
                ..meta.clone()
            };
            let error = depends(&meta).unwrap_err().to_string();
            assert!(error.contains("OpenWrt 25.12 wants"), "{error}");
        }
    }

    #[test]
    fn provides_with_and_without_an_abi_version() {
        let mut meta = Meta {
            provides: words("v1 @any x"),
            ..meta()
        };
        assert_eq!(provides(&meta, "3"), ["x-any", "v1=3", "any"]);
        meta.abi_version = "7".into();
        assert_eq!(provides(&meta, "3"), ["x", "x-any", "v1", "v1-7=3", "any"]);
    }

    #[test]
    fn texts() {
        assert_eq!(one_line(" a\n\n\tb \n c"), "a b c");
        assert_eq!(origin("feeds/f/x"), "feeds/f/feeds/f/x");
        assert_eq!(origin("/src/x"), "/src/x");
        let priority = |default_variant, abi: &str| {
            let meta = Meta {
                default_variant,
                abi_version: abi.into(),
                ..meta()
            };
            Info::of(&meta).unwrap().priority
        };
        assert_eq!(priority(false, ""), None);
        assert_eq!(priority(false, "1"), Some(10));
        assert_eq!(priority(true, "1"), Some(100));
    }
}
