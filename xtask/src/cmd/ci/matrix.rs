//! `ci matrix`: what is built, from the one list that there is, openwrt/sdk.toml.

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::Result;
use serde::Serialize;

use crate::config::sdk::{Format, Sdk};
use crate::context::Context;
use crate::flags::CiMatrix;

/// Everything that is built.
#[derive(Debug, Serialize)]
pub struct Matrix {
    /// The `strategy.matrix` of a workflow.
    matrix: Strategy,
    /// Each architecture with its packages.
    pub archs: Vec<Row>,
}

/// One job for each architecture: its packages share one compile.
#[derive(Debug, Serialize)]
struct Strategy {
    arch: Vec<String>,
}

/// An architecture.
#[derive(Debug, Serialize)]
pub struct Row {
    /// Its key in openwrt/sdk.toml, which every command takes.
    pub arch: String,
    alias: Option<String>,
    target: String,
    board: String,
    /// One for each release.
    pub packages: Vec<Package>,
}

/// A package that is made.
#[derive(Debug, Serialize)]
pub struct Package {
    /// OpenWrt release.
    pub release: String,
    version: String,
    /// The architecture as that release names it.
    pub arch: String,
    /// What its package manager installs.
    pub format: Format,
}

/// # Errors
/// None in a file that [`Sdk::read`] accepted.
pub fn matrix(sdk: &Sdk) -> Result<Matrix> {
    let mut archs = Vec::new();
    for (key, table) in &sdk.arch {
        let mut packages = Vec::new();
        for name in sdk.release.keys() {
            let release = sdk.release(Some(name))?;
            packages.push(Package {
                arch: sdk.arch(key, &release)?.name,
                release: release.name,
                version: release.version,
                format: release.format,
            });
        }
        archs.push(Row {
            arch: key.clone(),
            alias: table.alias.clone(),
            target: table.target.clone(),
            board: table.board.clone(),
            packages,
        });
    }
    let arch = archs.iter().map(|row| row.arch.clone()).collect();
    Ok(Matrix {
        matrix: Strategy { arch },
        archs,
    })
}

/// Runs the command.
///
/// # Errors
/// With --github outside of a workflow.
pub fn run(flags: &CiMatrix, ctx: &Context) -> Result<ExitCode> {
    let matrix = matrix(&ctx.sdk)?;
    if flags.github {
        let strategy = serde_json::to_string(&matrix.matrix)?;
        super::tell_runner("GITHUB_OUTPUT", &format!("matrix={strategy}\n"))?;
    }
    match flags.json {
        true => println!("{}", serde_json::to_string_pretty(&matrix)?),
        false => print!("{}", text(&matrix)),
    }
    Ok(ExitCode::SUCCESS)
}

fn text(matrix: &Matrix) -> String {
    let mut text = String::new();
    for row in &matrix.archs {
        let packages: Vec<String> = row
            .packages
            .iter()
            .map(|package| {
                let format = match package.format {
                    Format::Ipk => "ipk",
                    Format::Apk => "apk",
                };
                format!("{format} for {} {}", package.release, package.arch)
            })
            .collect();
        let _ = writeln!(text, "{:<24} {}", row.arch, packages.join(", "));
    }
    text
}
