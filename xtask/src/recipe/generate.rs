//! The generated parts of a recipe.

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::config::package::{Defaults, FileTable};
use crate::config::workspace::{Crate, Workspace};
use crate::package::meta::Meta;

/// What the recipe calls the workspace.
const OF_WORKSPACE: &str = "$(XTASK_SOURCE)/";

/// Variables that stand before `include package.mk`.
///
/// # Errors
/// Metadata with mistakes.
pub fn variable_block(workspace: &Workspace, member: &Crate) -> Result<String> {
    let meta = meta(member)?;
    let version = member
        .table
        .version
        .as_ref()
        .or(member.defaults.version.as_ref())
        .context("no version")?;
    let release = meta
        .version
        .strip_prefix(version.as_str())
        .and_then(|rest| rest.strip_prefix("-r"));
    let crate_dir = member
        .dir
        .strip_prefix(&workspace.workspace_root)
        .unwrap_or(&member.dir);
    let crate_dir = crate_dir.to_string_lossy().into_owned();
    let mut cargo_args = Vec::new();
    if member.table.no_default_features {
        cargo_args.push("--no-default-features".to_owned());
    }
    cargo_args.extend(member.bins.iter().map(|bin| format!("--bin {bin}")));
    let modes: Vec<&str> = member
        .table
        .file_modes
        .0
        .iter()
        .map(String::as_str)
        .collect();
    let sources = workspace.sources();
    for path in &sources {
        refuse_blank(path)?;
    }
    let variables = [
        ("PKG_NAME", meta.source_name.clone()),
        (
            "PKG_VERSION",
            recipe_version(version, member.apk_version().ok().as_deref()),
        ),
        ("PKG_RELEASE", release.unwrap_or_default().to_owned()),
        ("PKG_LICENSE", meta.license.clone()),
        ("PKG_LICENSE_FILES", meta.license_files.clone()),
        ("PKG_MAINTAINER", meta.maintainer.clone()),
        ("PKG_CPE_ID", meta.cpe_id.clone()),
        ("PKG_FLAGS", meta.flags.join(" ")),
        ("PKG_FILE_MODES", modes.join(" ")),
        ("RUST_PKG_FEATURES", member.table.features.0.join(",")),
        ("RECIPE_CRATE", crate_dir),
        ("RECIPE_WORKSPACE", sources.join(" ")),
        ("RECIPE_CARGO_ARGS", cargo_args.join(" ")),
    ];
    let mut text = String::new();
    for (name, value) in variables.iter().filter(|(_, value)| !value.is_empty()) {
        ensure!(!value.contains('\n'), "{name} must be one line");
        if *name == "PKG_VERSION" {
            writeln!(text, "{name}:={value}")?;
            continue;
        }
        refuse_dollar(name, value)?;
        writeln!(text, "{name}:={}", escape(value))?;
    }
    Ok(text)
}

/// Definitions that stand after `include package.mk`.
///
/// # Errors
/// Metadata with mistakes; files that lie nowhere in the workspace.
pub fn package_block(workspace: &Workspace, member: &Crate, recipe_dir: &Path) -> Result<String> {
    let meta = meta(member)?;
    let table = &member.table;
    let name = &meta.name;
    let title = table.title.clone().unwrap_or_else(|| {
        meta.description
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned()
    });
    let depends: Vec<String> = std::iter::once("$(RUST_ARCH_DEPENDS)".to_owned())
        .chain(
            meta.depends
                .iter()
                .map(|word| match word.starts_with(['+', '@']) {
                    true => escape(word),
                    false => format!("+{}", escape(word)),
                }),
        )
        .collect();
    let fields = [
        ("SECTION", escape(&meta.section)),
        (
            "CATEGORY",
            escape(table.category.as_deref().unwrap_or_default()),
        ),
        ("TITLE", escape(&title)),
        ("URL", escape(&meta.url)),
        ("DEPENDS", depends.join(" ")),
        ("EXTRA_DEPENDS", escape(&meta.extra_depends)),
        ("CONFLICTS", escape(&meta.conflicts.join(" "))),
        ("PROVIDES", escape(&meta.provides.join(" "))),
        ("ALTERNATIVES", escape(&meta.alternatives.join(" "))),
        ("USERID", escape(&meta.user_id)),
        ("ABI_VERSION", escape(&meta.abi_version)),
        (
            "PKGARCH",
            escape(table.pkgarch.as_deref().unwrap_or_default()),
        ),
        (
            "DEFAULT_VARIANT",
            table
                .default_variant
                .as_ref()
                .map(|value| escape(&value.0))
                .unwrap_or_default(),
        ),
    ];
    let mut text = format!("define Package/{name}\n");
    for (field, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
        let own = value.strip_prefix("$(RUST_ARCH_DEPENDS)").unwrap_or(value);
        refuse_dollar(field, own)?;
        writeln!(text, "  {field}:={value}")?;
    }
    text += "endef\n";
    text += &define(&format!("Package/{name}/description"), &meta.description)?;
    if !meta.conffiles.is_empty() {
        text += &define(
            &format!("Package/{name}/conffiles"),
            &meta.conffiles.join("\n"),
        )?;
    }
    let scripts = &meta.scripts;
    for (script, content) in [
        ("preinst", &scripts.preinst),
        ("postinst", &scripts.postinst),
        ("prerm", &scripts.prerm),
        ("postrm", &scripts.postrm),
    ] {
        if let Some(content) = content {
            text += &define(&format!("Package/{name}/{script}"), content)?;
        }
    }
    writeln!(text, "\ndefine Package/{name}/install")?;
    for line in install_lines(workspace, member, recipe_dir)? {
        writeln!(text, "\t{line}")?;
    }
    text += "endef\n";
    Ok(text)
}

fn install_lines(workspace: &Workspace, member: &Crate, recipe_dir: &Path) -> Result<Vec<String>> {
    let table = &member.table;
    let mut lines = Vec::new();
    let bin_dir = table.bin_dir.as_deref().unwrap_or("/usr/bin");
    if !member.bins.is_empty() {
        lines.push(format!("$(INSTALL_DIR) $(1){bin_dir}"));
    }
    for bin in &member.bins {
        lines.push(format!(
            "$(INSTALL_BIN) $(PKG_INSTALL_DIR)/bin/{bin} $(1){bin_dir}/{bin}"
        ));
    }
    for file in &table.files {
        lines.push(format!("$(INSTALL_DIR) $(1){}", parent(&file.path)));
        let mode = file.mode.map_or(0o644, |mode| mode.0);
        let source = source(workspace, member, recipe_dir, file)?;
        refuse_blank(&source)?;
        refuse_blank(&file.path)?;
        lines.push(format!("install -m{mode:04o} {source} $(1){}", file.path));
    }
    for link in &table.links {
        refuse_blank(&link.target)?;
        refuse_blank(&link.path)?;
        lines.push(format!("$(INSTALL_DIR) $(1){}", parent(&link.path)));
        lines.push(format!("$(LN) {} $(1){}", link.target, link.path));
    }
    for dir in &table.dirs {
        refuse_blank(dir)?;
    }
    lines.extend(
        table
            .dirs
            .iter()
            .map(|dir| format!("$(INSTALL_DIR) $(1){dir}")),
    );
    for line in &lines {
        ensure!(
            !line.contains(['#', '\n', '\'', '"', ';']),
            "a recipe cannot install {line:?}: rename the file"
        );
    }
    let mut seen = std::collections::HashSet::new();
    Ok(lines
        .into_iter()
        .filter(|line| seen.insert(line.clone()))
        .collect())
}

/// Files of the package that the recipe takes from the workspace, relative to it.
///
/// # Errors
/// Files that lie nowhere in the workspace.
pub fn files_of_workspace(
    workspace: &Workspace,
    member: &Crate,
    recipe_dir: &Path,
) -> Result<Vec<String>> {
    let mut files = Vec::new();
    for file in &member.table.files {
        let source = source(workspace, member, recipe_dir, file)?;
        files.extend(source.strip_prefix(OF_WORKSPACE).map(str::to_owned));
    }
    Ok(files)
}

/// A file beside the recipe is taken from there, any other from the workspace.
fn source(
    workspace: &Workspace,
    member: &Crate,
    recipe_dir: &Path,
    file: &FileTable,
) -> Result<String> {
    let path = member.dir.join(&file.source);
    let path = path
        .canonicalize()
        .with_context(|| format!("find {}", path.display()))?;
    let below = |root: &Path| {
        let root = root.canonicalize().ok()?;
        Some(path.strip_prefix(root).ok()?.to_string_lossy().into_owned())
    };
    if let Some(relative) = below(recipe_dir) {
        return Ok(format!("./{relative}"));
    }
    let relative = below(&workspace.workspace_root)
        .with_context(|| format!("{} lies outside the workspace", file.source.display()))?;
    Ok(format!("{OF_WORKSPACE}{relative}"))
}

fn parent(path: &str) -> &str {
    match path.trim_end_matches('/').rfind('/') {
        None | Some(0) => "/",
        Some(at) => &path[..at],
    }
}

/// `define NAME … endef` with make's `$` doubled; nothing for an empty content,
/// as make itself would have it.
fn define(name: &str, content: &str) -> Result<String> {
    let content = content.strip_suffix('\n').unwrap_or(content);
    if content.is_empty() {
        return Ok(String::new());
    }
    for line in content.lines() {
        let word = line.split_whitespace().next().unwrap_or_default();
        ensure!(
            !["define", "endef"].contains(&word),
            "{name} has the line {line:?}: in a recipe make would take it for its own"
        );
    }
    let content = content.replace('$', "$$");
    Ok(format!("\ndefine {name}\n{content}\nendef\n"))
}

/// A value of `:=`, which make would end at `#`. A `$` cannot be said: OpenWrt
/// expands these values a varying number of times ([`refuse_dollar`]).
fn escape(value: &str) -> String {
    value.replace('#', "\\#")
}

/// make and the shell would take it for several.
fn refuse_blank(path: &str) -> Result<()> {
    ensure!(
        !path.contains(char::is_whitespace),
        "a recipe cannot name {path:?}, which has a blank: rename it"
    );
    Ok(())
}

fn refuse_dollar(name: &str, value: &str) -> Result<()> {
    ensure!(
        !value.contains('$'),
        "{name} is {value:?}: an OpenWrt recipe cannot have a `$` there"
    );
    Ok(())
}

/// A pre-release is written with `~` for opkg and with `_` for apk, which may
/// have no such version at all: `apk mkpkg` says so then.
fn recipe_version(version: &str, apk: Option<&str>) -> String {
    match apk {
        Some(apk) if apk != version => format!("$(if $(CONFIG_USE_APK),{apk},{version})"),
        _ => version.to_owned(),
    }
}

/// The metadata without what only a build knows.
fn meta(member: &Crate) -> Result<Meta> {
    let defaults = Defaults {
        architecture: Some("all".into()),
        ..member.defaults.clone()
    };
    let meta = member.table.meta(&member.dir, &defaults)?;
    meta.check()?;
    Ok(meta)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn make_sees_what_was_meant() {
        assert_eq!(escape("a #1"), "a \\#1");
        assert!(refuse_dollar("URL", "https://x/$1").is_err());
        assert!(refuse_blank("/etc/a b").is_err() && refuse_blank("/etc/a-b").is_ok());
        assert_eq!(
            define("x", "echo $1\n").unwrap(),
            "\ndefine x\necho $$1\nendef\n"
        );
        assert_eq!(define("x", "").unwrap(), "");
        assert!(define("x", "a\n  endef\n").is_err());
        assert_eq!(recipe_version("1.2.3", Some("1.2.3")), "1.2.3");
        assert_eq!(recipe_version("1.2.3~dev", None), "1.2.3~dev");
        assert_eq!(
            recipe_version("1.2.3~rc.1", Some("1.2.3_rc1")),
            "$(if $(CONFIG_USE_APK),1.2.3_rc1,1.2.3~rc.1)"
        );
        for (path, expected) in [("/a/b", "/a"), ("/a", "/"), ("/a/b/", "/a")] {
            assert_eq!(parent(path), expected);
        }
    }
}
