//! The scripts of an apk. OpenWrt's part and the package's own are one text
//! here, where an ipk has two files.

use crate::package::adb::schema::SCRIPTS;
use crate::package::adb::value::Value;
use crate::package::adb::write::Writer;
use crate::package::meta::Meta;

/// Where OpenWrt's functions are read in; without them nothing is done.
const FUNCTIONS: &str = "[ -s ${IPKG_INSTROOT}/lib/functions.sh ] || exit 0
. ${IPKG_INSTROOT}/lib/functions.sh
export root=\"${IPKG_INSTROOT}\"
";
/// What marks an upgrade for the package's own part.
const UPGRADE: &str = "#!/bin/sh\nexport PKG_UPGRADE=1\n";

/// Every script by apk's name for it.
pub fn all(meta: &Meta) -> Vec<(&'static str, String)> {
    let own = &meta.scripts;
    let text = |script: &Option<String>| script.as_deref().and_then(with_newline);
    let (preinst, postrm) = (text(&own.preinst), text(&own.postrm));
    let name = meta.full_name();
    let post_install = format!(
        "#!/bin/sh\n[ \"${{IPKG_NO_SCRIPT}}\" = \"1\" ] && exit 0\n{FUNCTIONS}export pkgname=\"{name}\"\n\
         add_group_and_user\ndefault_postinst\n{}",
        body(&text(&own.postinst).unwrap_or_default())
    );
    let pre_deinstall = format!(
        "#!/bin/sh\n{FUNCTIONS}export pkgname=\"{name}\"\ndefault_prerm\n{}",
        body(&text(&own.prerm).unwrap_or_default())
    );
    let mut scripts = vec![
        ("post-upgrade", format!("{UPGRADE}{}", body(&post_install))),
        ("post-install", post_install),
        ("pre-deinstall", pre_deinstall),
    ];
    if let Some(text) = preinst {
        scripts.push(("pre-upgrade", format!("{UPGRADE}{}", body(&text))));
        scripts.push(("pre-install", text));
    }
    if let Some(text) = postrm {
        let trimmed = text.trim_start();
        let starts = trimmed.starts_with("#!");
        let text = if starts { trimmed.to_owned() } else { text };
        scripts.push(("post-deinstall", text));
    }
    scripts
}

/// Writes them in the order of their fields.
pub fn write(writer: &mut Writer, meta: &Meta) -> Value {
    let scripts = all(meta);
    let values: Vec<Value> = SCRIPTS
        .iter()
        .map(|name| {
            let script = scripts.iter().find(|(known, _)| known == name);
            script.map_or(Value::NULL, |(_, text)| writer.blob(text.as_bytes()))
        })
        .collect();
    writer.object(&values)
}

/// `make` takes a script's last newline away and `echo` puts one back; an
/// empty one is none.
fn with_newline(text: &str) -> Option<String> {
    let text = text.strip_suffix('\n').unwrap_or(text);
    (!text.is_empty()).then(|| format!("{text}\n"))
}

/// `sed '/^\s*#!/d'`: a text without interpreter lines.
fn body(text: &str) -> String {
    let lines = text.split_inclusive('\n');
    lines
        .filter(|line| !line.trim_start().starts_with("#!"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::meta::Scripts;

    #[test]
    fn own_scripts_follow_openwrt_s() {
        let script = |text: &str| Some(text.to_owned());
        let meta = Meta {
            name: "x".into(),
            scripts: Scripts {
                preinst: script("#!/bin/sh\npre"),
                postinst: script("  #!/bin/sh\npost\n"),
                prerm: script("\n"),
                postrm: script(" \n#!/bin/sh\nrm\n"),
            },
            ..Meta::default()
        };
        let scripts = all(&meta);
        let get = |name: &str| &scripts.iter().find(|(known, _)| *known == name).unwrap().1;
        assert_eq!(get("pre-install"), "#!/bin/sh\npre\n");
        assert_eq!(get("pre-upgrade"), "#!/bin/sh\nexport PKG_UPGRADE=1\npre\n");
        assert!(get("post-install").ends_with("add_group_and_user\ndefault_postinst\npost\n"));
        assert!(get("post-upgrade").starts_with("#!/bin/sh\nexport PKG_UPGRADE=1\n[ \"${IPKG"));
        assert!(get("pre-deinstall").ends_with("export pkgname=\"x\"\ndefault_prerm\n"));
        assert_eq!(get("post-deinstall"), "#!/bin/sh\nrm\n");
        assert_eq!(all(&Meta::default()).len(), 3);
    }
}
