//! The `control` file of an ipk (`Package/x/CONTROL` of OpenWrt 24.10's
//! include/package-pack.mk).

use super::meta::{Meta, abi_suffix};

/// Libraries of the base system whose package name carries an ABI version
/// (package/libs/toolchain/Makefile); for every other library the recipe's
/// author writes the suffix.
const ABI_OF_BASE_LIBRARIES: [(&str, &str); 3] =
    [("libgcc", "1"), ("libatomic", "1"), ("libstdcpp", "6")];

/// The text of `control`; `installed_size` is the byte length of the
/// uncompressed data.tar.
pub fn control(meta: &Meta, installed_size: usize) -> String {
    let epoch = meta.epoch.to_string();
    let flag = |name: &str, text: &'static str| {
        if meta.flags.iter().any(|flag| flag == name) {
            text
        } else {
            ""
        }
    };
    let fields = [
        ("Package", meta.full_name()),
        ("Version", meta.version.clone()),
        ("Depends", depends(meta)),
        ("Conflicts", meta.conflicts.join(", ")),
        ("Provides", provides(meta).join(", ")),
        ("Alternatives", meta.alternatives.join(", ")),
        ("Source", meta.source.clone()),
        ("SourceName", meta.source_name.clone()),
        ("License", meta.license.clone()),
        ("LicenseFiles", meta.license_files.clone()),
        ("Section", meta.section.clone()),
        ("Require-User", meta.user_id.clone()),
        ("SourceDateEpoch", epoch),
        ("URL", meta.url.clone()),
        ("ABIVersion", meta.abi_suffix()),
        ("CPE-ID", meta.cpe_id.clone()),
        (
            "Status",
            flag("hold", "unknown hold not-installed").to_owned(),
        ),
        ("Essential", flag("essential", "yes").to_owned()),
        ("Maintainer", meta.maintainer.clone()),
        ("Architecture", meta.arch.clone()),
        ("Installed-Size", installed_size.to_string()),
    ];
    let mut text = String::new();
    for (name, value) in fields {
        if !value.trim().is_empty() {
            text += &format!("{name}: {value}\n");
        }
    }
    text + &description(&meta.description)
}

/// `Depends`: EXTRA_DEPENDS as written, then libc (kernel modules only where
/// they say so), then DEPENDS.
fn depends(meta: &Meta) -> String {
    let mut all: Vec<String> = Vec::new();
    if !meta.extra_depends.trim().is_empty() {
        all.push(meta.extra_depends.trim_start().to_owned());
    }
    all.extend(plain_depends(meta));
    all.join(", ")
}

/// The names of DEPENDS as packages carry them, libc before them.
pub(super) fn plain_depends(meta: &Meta) -> Vec<String> {
    let is_module = meta.name.starts_with("kmod-");
    let implicit = (!is_module).then(|| "libc".to_owned());
    let own = meta
        .depends
        .iter()
        .filter(|word| !word.starts_with('@') && (is_module || *word != "+libc"))
        .map(|word| word.replace('+', ""))
        .filter(|name| !name.starts_with('@'))
        .map(|name| with_abi(&name));
    implicit.into_iter().chain(own).collect()
}

/// The name with the ABI suffix that a library of the base system has.
pub(super) fn with_abi(name: &str) -> String {
    let abi = ABI_OF_BASE_LIBRARIES
        .iter()
        .find(|(library, _)| *library == name);
    format!(
        "{name}{}",
        abi.map(|(_, version)| abi_suffix(name, version))
            .unwrap_or_default()
    )
}

/// `Provides`: with an ABI version also the bare name and every entry with
/// this package's own suffix.
fn provides(meta: &Meta) -> Vec<String> {
    let suffix = meta.abi_suffix();
    let mut all = meta.provides.clone();
    if !suffix.is_empty() {
        all.push(meta.name.clone());
        all.extend(meta.provides.iter().map(|name| format!("{name}{suffix}")));
    }
    let own = meta.full_name();
    all.retain(|name| *name != own);
    all
}

/// Every line begins with one blank in place of its own leading white space.
fn description(text: &str) -> String {
    let text = text.strip_suffix('\n').unwrap_or(text);
    let mut lines = text.split('\n').map(|line| {
        format!(
            " {}\n",
            line.trim_start_matches([' ', '\t', '\r', '\x0b', '\x0c'])
        )
    });
    format!(
        "Description: {}{}",
        lines.next().unwrap_or_default(),
        lines.collect::<String>()
    )
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
    fn empty_fields_are_left_out() {
        let meta = Meta {
            epoch: 7,
            description: "Text.\n".into(),
            ..meta()
        };
        assert_eq!(
            control(&meta, 10240),
            "Package: x\nVersion: 1-r1\nDepends: libc\nSourceDateEpoch: 7\n\
             Architecture: all\nInstalled-Size: 10240\nDescription:  Text.\n"
        );
    }

    #[test]
    fn lists_and_flags() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect();
        let meta = Meta {
            conflicts: words("a b"),
            alternatives: words("1:/a:/b 2:/c:/d"),
            flags: words("nonshared essential hold"),
            ..meta()
        };
        let text = control(&meta, 1);
        for line in [
            "Conflicts: a, b\nAlternatives: 1:/a:/b, 2:/c:/d\n",
            "Status: unknown hold not-installed\nEssential: yes\nArchitecture",
        ] {
            assert!(text.contains(line), "{text}");
        }
    }

    #[test]
    fn dependencies_as_the_build_system_orders_them() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect();
        let mut meta = Meta {
            depends: words("+libgcc +libc @!BROKEN +@c a +b"),
            ..meta()
        };
        assert_eq!(depends(&meta), "libc, libgcc1, a, b");
        meta.extra_depends = " a (>=1.0), c".into();
        assert_eq!(depends(&meta), "a (>=1.0), c, libc, libgcc1, a, b");
        meta.name = "kmod-x".into();
        assert_eq!(depends(&meta), "a (>=1.0), c, libgcc1, libc, a, b");
        meta.depends = words("+b");
        assert_eq!(depends(&meta), "a (>=1.0), c, b");
    }

    #[test]
    fn provides_with_and_without_an_abi_version() {
        let mut meta = Meta {
            provides: vec!["v1".into(), "@any".into(), "x".into()],
            ..meta()
        };
        assert_eq!(provides(&meta), ["v1", "@any"]);
        meta.abi_version = "7".into();
        assert_eq!(provides(&meta), ["v1", "@any", "x", "x", "v17", "@any7"]);
    }

    #[test]
    fn description_lines() {
        assert_eq!(
            description(" a\n\n\tb \nc"),
            "Description:  a\n \n b \n c\n"
        );
        assert_eq!(description(""), "Description:  \n");
        assert_eq!(description("a\n\n"), "Description:  a\n \n");
    }
}
