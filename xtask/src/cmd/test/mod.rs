//! `test`: the tests as cargo builds them, and a count of what ran by what it
//! needs.

mod lanes;
mod programs;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result};

use crate::context::Context;
use crate::flags::Test;
use crate::util::fs;

/// Runs the command.
///
/// # Errors
/// When cargo or a test program cannot be started.
pub fn run(flags: &Test, ctx: &Context) -> Result<ExitCode> {
    let report = ctx.root.join("target/test-groups.tsv");
    fs::write_atomic(&report, b"", 0o644)?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let variables = [
        ("XTASK_TEST_REPORT", report.as_os_str()),
        (
            "XTASK_TOOLCHAIN",
            OsStr::new(flags.toolchain.toolchain.name()),
        ),
    ];
    let passed = if flags.args.is_empty() {
        all(ctx, &cargo, &variables)?
    } else {
        cargo_test(ctx, &cargo, &variables, &flags.args)?
    };
    print!("{}", summary(&report)?);
    Ok(if passed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Every test there is.
fn all(ctx: &Context, cargo: &OsStr, variables: &[(&str, &OsStr)]) -> Result<bool> {
    let Some(programs) = programs::build(cargo, &ctx.root)? else {
        return Ok(false);
    };
    let failed = lanes::run(&programs, ctx.ui, variables)?;
    let documented = cargo_test(ctx, cargo, variables, &["--doc".to_owned()])?;
    for program in &failed {
        println!("failed: {}", lanes::name(program));
    }
    Ok(failed.is_empty() && documented)
}

fn cargo_test(
    ctx: &Context,
    cargo: &OsStr,
    variables: &[(&str, &OsStr)],
    args: &[String],
) -> Result<bool> {
    let fixed = ["test", "--workspace", "--locked", "--no-fail-fast"];
    let args = fixed.into_iter().chain(args.iter().map(String::as_str));
    let mut command = duct::cmd(cargo, args).dir(&ctx.root);
    for (name, value) in variables {
        command = command.env(name, value);
    }
    let output = command.unchecked().run().context("start cargo test")?;
    Ok(output.status.success())
}

/// Reads `group TAB run|skip TAB test TAB why` lines.
fn summary(report: &Path) -> Result<String> {
    #[derive(Default)]
    struct Group {
        run: usize,
        skipped: usize,
        why: String,
    }
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    let text = fs::read_text(report)?;
    // A test may ask for its group more than once.
    let lines: BTreeSet<&str> = text.lines().collect();
    for line in lines {
        let mut fields = line.split('\t');
        let (Some(name), Some(what)) = (fields.next(), fields.next()) else {
            continue;
        };
        let group = groups.entry(name.to_owned()).or_default();
        if what == "run" {
            group.run += 1;
        } else {
            group.skipped += 1;
            group.why = fields.nth(1).unwrap_or_default().to_owned();
        }
    }
    let mut text = String::from("\ntests by what they need besides cargo:\n");
    for (name, group) in &groups {
        text += &format!(
            "  {name:<14} {:>3} run, {:>3} skipped",
            group.run, group.skipped
        );
        if !group.why.is_empty() {
            text += &format!("  ({})", group.why);
        }
        text.push('\n');
    }
    if groups.is_empty() {
        text += "  none were selected\n";
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_counted() {
        let dir = tempfile::tempdir().unwrap();
        let report = dir.path().join("r");
        std::fs::write(
            &report,
            "golden\trun\ta\t\ngolden\trun\tb\t\ngolden\trun\ta\t\nqemu\tskip\tc\tno qemu\n",
        )
        .unwrap();
        assert_eq!(
            summary(&report).unwrap(),
            "\ntests by what they need besides cargo:\n  golden           2 run,   0 skipped\n  \
             qemu             0 run,   1 skipped  (no qemu)\n"
        );
    }
}
