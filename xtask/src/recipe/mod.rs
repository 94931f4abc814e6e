//! The OpenWrt feed recipe of a crate: its variables and install lines are
//! generated from the crate's package table, between marks; the rest of the
//! Makefile is written once and then the owner's.

mod generate;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::config::workspace::{Crate, Workspace};
use crate::util::fs;

pub use generate::{package_block, variable_block};

/// What a new recipe is made from; `@NAME@` is the package.
const TEMPLATE: &str = include_str!("template.mk");

/// The generated parts, by the names in their marks.
const BLOCKS: [&str; 2] = ["variables", "package"];

/// Where the recipe of a package is: `openwrt/<package>/Makefile`.
pub fn path(workspace: &Workspace, member: &Crate) -> PathBuf {
    workspace
        .workspace_root
        .join("openwrt")
        .join(package_name(member))
        .join("Makefile")
}

/// The package's name.
pub fn package_name(member: &Crate) -> &str {
    member.table.name.as_deref().unwrap_or(&member.cargo_name)
}

/// Files of the package that are neither beside the recipe nor made by cargo,
/// relative to the workspace.
///
/// # Errors
/// Files that lie outside the workspace.
pub fn files_of_workspace(workspace: &Workspace, member: &Crate) -> Result<Vec<String>> {
    let path = path(workspace, member);
    generate::files_of_workspace(workspace, member, path.parent().unwrap_or(Path::new(".")))
}

/// The recipe as it should be: the existing one, or the template, with fresh
/// generated parts.
///
/// # Errors
/// A recipe without the marks; metadata that no recipe can say.
pub fn render(workspace: &Workspace, member: &Crate) -> Result<String> {
    let path = path(workspace, member);
    let current = match path.is_file() {
        true => fs::read_text(&path)?,
        false => TEMPLATE.replace("@NAME@", package_name(member)),
    };
    let dir = path.parent().unwrap_or(Path::new("."));
    let blocks = [
        variable_block(workspace, member)?,
        package_block(workspace, member, dir)?,
    ];
    BLOCKS
        .iter()
        .zip(blocks)
        .try_fold(current, |text, (name, block)| {
            replace_block(&text, name, &block).with_context(|| format!("update {}", path.display()))
        })
}

/// Replaces what stands between `# >>> NAME` and `# <<< NAME`.
fn replace_block(text: &str, name: &str, block: &str) -> Result<String> {
    let (begin, end) = (format!("# >>> {name}"), format!("# <<< {name}\n"));
    let start = text
        .find(&begin)
        .and_then(|at| Some(at + text[at..].find('\n')? + 1));
    let stop = text.find(&end);
    match (start, stop) {
        (Some(start), Some(stop)) if start <= stop => {
            Ok(format!("{}{block}{}", &text[..start], &text[stop..]))
        }
        _ => bail!(
            "it has no part between the lines `{begin}` and `{}`",
            end.trim_end()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_replaced_between_their_marks() {
        let text = "a\n# >>> x: generated\nold\n# <<< x\nb\n";
        assert_eq!(
            replace_block(text, "x", "new\n").unwrap(),
            "a\n# >>> x: generated\nnew\n# <<< x\nb\n"
        );
        let error = replace_block("a\n", "x", "").unwrap_err().to_string();
        assert_eq!(
            error,
            "it has no part between the lines `# >>> x` and `# <<< x`"
        );
    }
}
