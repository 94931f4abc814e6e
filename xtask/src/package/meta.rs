//! What a package says of itself, ready to be written in any format.

use anyhow::{Result, bail, ensure};

use super::modes::FileMode;

/// The maintainer scripts that a package brings; `None` where it brings none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scripts {
    /// Runs before the files are unpacked.
    pub preinst: Option<String>,
    /// Runs after OpenWrt's default post-install work.
    pub postinst: Option<String>,
    /// Runs after OpenWrt's default pre-removal work.
    pub prerm: Option<String>,
    /// Runs after the files are gone.
    pub postrm: Option<String>,
}

/// The values of a recipe after evaluation (include/package-defaults.mk of
/// OpenWrt 24.10 names their sources).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meta {
    /// Package name without the ABI suffix.
    pub name: String,
    /// Whole version, release included: `1.2.3-r1`.
    pub version: String,
    /// OpenWrt architecture (`aarch64_cortex-a53`) or `all`.
    pub arch: String,
    /// `ABI_VERSION`; empty for none.
    pub abi_version: String,
    /// `DEPENDS` words as a recipe has them: `+libgcc`, `libgcc`, `@!BROKEN`.
    pub depends: Vec<String>,
    /// `EXTRA_DEPENDS` as written: `foo (>=1.0), bar (<2)`.
    pub extra_depends: String,
    /// `CONFLICTS`.
    pub conflicts: Vec<String>,
    /// `PROVIDES`.
    pub provides: Vec<String>,
    /// `ALTERNATIVES`: `PRIORITY:LINK:TARGET`.
    pub alternatives: Vec<String>,
    /// `Source:` field: the recipe's folder below the build tree.
    pub source: String,
    /// `PKG_NAME` of the recipe.
    pub source_name: String,
    /// `PKG_LICENSE`.
    pub license: String,
    /// `PKG_LICENSE_FILES`.
    pub license_files: String,
    /// `SECTION`.
    pub section: String,
    /// `USERID`: `user=uid:group=gid`.
    pub user_id: String,
    /// `URL`.
    pub url: String,
    /// `PKG_CPE_ID`.
    pub cpe_id: String,
    /// `PKG_FLAGS`: `essential`, `hold`, `nonshared`.
    pub flags: Vec<String>,
    /// `DEFAULT_VARIANT`: what a bare dependency means among several providers.
    pub default_variant: bool,
    /// `MAINTAINER`, several separated by commas.
    pub maintainer: String,
    /// Description, several lines allowed.
    pub description: String,
    /// `Package/x/conffiles`: files, directories and shell patterns.
    pub conffiles: Vec<String>,
    /// Maintainer scripts.
    pub scripts: Scripts,
    /// `PKG_FILE_MODES`.
    pub file_modes: Vec<FileMode>,
    /// `PKG_SOURCE_DATE_EPOCH`, seconds since 1970: the time of every entry.
    pub epoch: u64,
}

/// Flags that mean something to OpenWrt; others are ignored there.
const FLAGS: [&str; 3] = ["essential", "hold", "nonshared"];

/// Fields whose value a comma would cut off.
const COMMALESS: [&str; 6] = [
    "source_field",
    "license",
    "license_files",
    "section",
    "userid",
    "url",
];

impl Meta {
    /// Refuses what would give an unreadable or ambiguous package.
    ///
    /// # Errors
    /// The first field that is wrong, by its key, with what is allowed.
    pub fn check(&self) -> Result<()> {
        let plain =
            |extra: &'static str| move |c: char| c.is_ascii_alphanumeric() || extra.contains(c);
        let word = |key: &str, value: &str, extra: &'static str| -> Result<()> {
            ensure!(!value.is_empty(), "`{key}` is empty");
            if let Some(bad) = value.chars().find(|c| !plain(extra)(*c)) {
                bail!(
                    "`{key}` is {value:?}: {bad:?} is not allowed (letters, digits and `{extra}` are)"
                );
            }
            ensure!(
                value.starts_with(|c: char| c.is_ascii_alphanumeric()),
                "`{key}` is {value:?}: it has to begin with a letter or a digit"
            );
            Ok(())
        };
        // The character set is ipkg-build's own check.
        word("name", &self.name, "_.+-")?;
        word("version", &self.version, "_.+-~")?;
        word("architecture", &self.arch, "_.+-")?;
        if !self.abi_version.is_empty() {
            word("abi_version", &self.abi_version, "_.+-")?;
        }
        for (key, value) in self.single_line_fields() {
            ensure!(
                !value.contains(['\n', '\r', '\0']),
                "`{key}` must be one line"
            );
            // `$(call addfield,…)` of package-pack.mk takes a comma for its own.
            ensure!(
                !value.contains(',') || !COMMALESS.contains(&key),
                "`{key}` is {value:?}: OpenWrt cannot have a comma there"
            );
        }
        for flag in &self.flags {
            if let Some(known) = FLAGS.iter().find(|known| is_typo(flag, known)) {
                bail!("`flags` has {flag:?}; did you mean {known:?}?");
            }
        }
        for conffile in &self.conffiles {
            check_conffile(conffile)?;
        }
        for alternative in &self.alternatives {
            let parts: Vec<_> = alternative.splitn(3, ':').collect();
            ensure!(
                matches!(parts[..], [priority, link, target]
                    if priority.parse::<i32>().is_ok() && link.starts_with('/') && !target.is_empty())
                    && !alternative.contains(|c: char| c == ',' || c.is_whitespace()),
                "`alternatives` has {alternative:?}: PRIORITY:/LINK:TARGET is needed, without commas and white space"
            );
        }
        for dependency in self
            .depends
            .iter()
            .chain(&self.conflicts)
            .chain(&self.provides)
        {
            ensure!(
                !dependency.is_empty()
                    && !dependency.contains(|c: char| c == ',' || c == '\0' || c.is_whitespace()),
                "{dependency:?} is no package name; constraints such as `foo (>=1.0)` go into `extra_depends`"
            );
        }
        if let Some(dependency) = self.depends.iter().find(|word| word.contains(':')) {
            bail!(
                "`depends` has {dependency:?}: a condition can only be decided inside an OpenWrt build; \
                 name the package itself"
            );
        }
        Ok(())
    }

    /// The ABI suffix of this package's name (`FormatABISuffix` of feeds.mk).
    pub fn abi_suffix(&self) -> String {
        abi_suffix(&self.name, &self.abi_version)
    }

    /// The name with its ABI suffix: what `Package:` says.
    pub fn full_name(&self) -> String {
        format!("{}{}", self.name, self.abi_suffix())
    }

    fn single_line_fields(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [
            ("extra_depends", &self.extra_depends),
            ("source_field", &self.source),
            ("source_name", &self.source_name),
            ("license", &self.license),
            ("license_files", &self.license_files),
            ("section", &self.section),
            ("userid", &self.user_id),
            ("url", &self.url),
            ("cpe_id", &self.cpe_id),
            ("maintainer", &self.maintainer),
        ]
        .into_iter()
        .map(|(key, value)| (key, value.as_str()))
    }
}

/// An absolute path inside the package, and not the root: that would list
/// OpenWrt's own working files.
fn check_conffile(conffile: &str) -> Result<()> {
    let mut depth = 0_i64;
    let mut leaves = false;
    for name in conffile.split('/') {
        match name {
            "" | "." => {}
            ".." => depth -= 1,
            _ => depth += 1,
        }
        leaves |= depth < 0;
    }
    ensure!(
        conffile.starts_with('/')
            && depth > 0
            && !leaves
            && !conffile.contains(|c: char| c.is_whitespace() || c == '\0'),
        "`conffiles` has {conffile:?}: an absolute path below the root is needed, without white space \
         (ipkg-build splits the list at white space)"
    );
    Ok(())
}

/// One letter too many, too few, or another one.
fn is_typo(word: &str, known: &str) -> bool {
    word != known && strsim::damerau_levenshtein(word, known) == 1
}

/// `libfoo` and `1` give `1`; a name that ends in a digit gets a `-` between;
/// kernel modules have no suffix (`FormatABISuffix` of include/feeds.mk).
pub fn abi_suffix(name: &str, abi_version: &str) -> String {
    if abi_version.is_empty() || name.starts_with("kmod-") {
        String::new()
    } else if name.ends_with(|c: char| c.is_ascii_digit()) {
        format!("-{abi_version}")
    } else {
        abi_version.to_owned()
    }
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

    #[test]
    fn wrong_values_name_their_key() {
        meta().check().unwrap();
        type Case = (fn(&mut Meta), &'static str);
        let cases: [Case; 16] = [
            (|m| m.name = "a b".into(), "`name` is \"a b\""),
            (
                |m| m.version = "1:2".into(),
                "`version` is \"1:2\": ':' is not allowed",
            ),
            (
                |m| m.maintainer = "a\nStatus: x".into(),
                "`maintainer` must be one line",
            ),
            (
                |m| m.conffiles = vec!["etc/x".into()],
                "`conffiles` has \"etc/x\"",
            ),
            (
                |m| m.alternatives = vec!["x:/a:/b".into()],
                "`alternatives` has \"x:/a:/b\"",
            ),
            (
                |m| m.depends = vec!["a,b".into()],
                "\"a,b\" is no package name",
            ),
            (|m| m.name = "..".into(), "it has to begin with a letter"),
            (|m| m.name = "a/b".into(), "'/' is not allowed"),
            (
                |m| m.conffiles = vec!["/etc/a b".into()],
                "`conffiles` has \"/etc/a b\"",
            ),
            (|m| m.conffiles = vec!["/".into()], "`conffiles` has \"/\""),
            (|m| m.conffiles = vec!["/../etc/x".into()], "below the root"),
            (
                |m| m.alternatives = vec!["1:/a:".into()],
                "`alternatives` has \"1:/a:\"",
            ),
            (
                |m| m.alternatives = vec!["1:/a:/b,c".into()],
                "without commas",
            ),
            (|m| m.url = "https://x/a,b".into(), "cannot have a comma"),
            (|m| m.flags = vec!["holdd".into()], "did you mean \"hold\""),
            (
                |m| m.depends = vec!["+A:b".into()],
                "a condition can only be decided",
            ),
        ];
        for (change, expected) in cases {
            let mut meta = meta();
            change(&mut meta);
            let error = meta.check().unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn abi_suffixes() {
        assert_eq!(abi_suffix("libgcc", "1"), "1");
        assert_eq!(abi_suffix("libsqlite3", "0"), "-0");
        assert_eq!(abi_suffix("kmod-x", "1"), "");
        assert_eq!(abi_suffix("x", ""), "");
    }
}
