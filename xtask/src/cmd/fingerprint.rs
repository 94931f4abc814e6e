//! `fingerprint`: what an image is made from, and what of it changed.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use serde_json::json;

use crate::context::Context;
use crate::fingerprint::{Inputs, Reason};
use crate::flags::Fingerprint;
use crate::image::compare::{self, Kind};
use crate::image::files::WorkingTree;
use crate::image::manifest::{Difference, Manifest};
use crate::image::spec::Spec;

/// The architecture that is meant when none is named.
const DEFAULT_ARCH: &str = "aarch64";

/// Runs the command; exit code 1 when `--diff` finds a difference.
///
/// # Errors
/// Files of the image that are missing or no files; an OTHER that is nothing.
pub fn run(flags: &Fingerprint, ctx: &Context) -> Result<ExitCode> {
    let choice = flags.toolchain.toolchain;
    let release = ctx.sdk.release(flags.release.as_deref())?;
    let arch = flags.arch.as_deref().unwrap_or(DEFAULT_ARCH);
    let arch = ctx.sdk.arch(arch, &release)?;
    let tree = WorkingTree::new(&ctx.root);
    let spec = Spec::collect(&tree, &ctx.sdk, &release, &arch, choice)?;
    let compared = match &flags.diff {
        Some(other) => Some(compare::read(other, &ctx.root, &spec, choice)?),
        None => None,
    };
    let differences: Vec<Reason> = compared
        .iter()
        .flat_map(|(_, old)| spec.inputs.differences(old))
        .collect();
    let text = match flags.json {
        true => as_json(flags, &spec, compared.as_ref(), &differences)?,
        false => as_text(flags, &spec, &differences),
    };
    // A closed pipe (`… | head`) must not hide the exit code.
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
    Ok(ExitCode::from(u8::from(!differences.is_empty())))
}

fn as_json(
    flags: &Fingerprint,
    spec: &Spec,
    compared: Option<&(Kind, Inputs)>,
    differences: &[Reason],
) -> Result<String> {
    let mut object = serde_json::to_value(Manifest::of(spec)).context("write JSON")?;
    if let Some((kind, _)) = compared {
        object["other"] = json!({ "kind": kind, "name": flags.diff });
        let differences = differences.iter().cloned().map(Difference::from);
        object["differences"] = json!(differences.collect::<Vec<_>>());
    }
    Ok(format!("{object:#}\n"))
}

fn as_text(flags: &Fingerprint, spec: &Spec, differences: &[Reason]) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    if flags.diff.is_none() || flags.explain {
        let _ = writeln!(text, "{}  {}", spec.inputs.digest(), spec.tag());
    }
    if flags.explain {
        let width = spec.inputs.iter().map(|(name, _)| name.len()).max();
        for (name, value) in spec.inputs.iter() {
            let _ = writeln!(text, "  {name:<0$}  {value}", width.unwrap_or(0));
        }
    }
    if flags.diff.is_some() {
        for reason in differences {
            let _ = writeln!(text, "{}", reason.short());
        }
        if differences.is_empty() {
            text += "no input differs\n";
        }
    }
    text
}
