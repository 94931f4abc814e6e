//! `man`: manual pages, made from the flags' declarations.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::CommandFactory;
use clap_mangen::Man as Page;

use crate::config::strict;
use crate::context::Context;
use crate::flags::{Man, Xtask};
use crate::util::fs;

/// Runs the command.
///
/// # Errors
/// An unknown command; a folder that cannot be written.
pub fn run(flags: &Man, ctx: &Context) -> Result<ExitCode> {
    let mut program = Xtask::command().bin_name("xtask");
    program.build();
    if let Some(dir) = &flags.output {
        return write_all(&program, dir, ctx);
    }
    let page = match &flags.command {
        None => page(&program, "xtask")?,
        Some(name) => {
            let found = program.get_subcommands().find(|one| one.get_name() == name);
            match found {
                Some(command) => page(command, &format!("xtask-{name}"))?,
                None => {
                    let names = || program.get_subcommands().map(|one| one.get_name());
                    match strict::nearest(name, names()) {
                        Some(near) => bail!("there is no command {name}; did you mean {near}?"),
                        None => bail!(
                            "there is no command {name}; to choose from: {}",
                            names().collect::<Vec<_>>().join(", ")
                        ),
                    }
                }
            }
        }
    };
    match std::io::stdout().lock().write_all(&page) {
        // `| head` has seen enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
        result => result.context("print the page")?,
    }
    Ok(ExitCode::SUCCESS)
}

fn write_all(program: &clap::Command, dir: &Path, ctx: &Context) -> Result<ExitCode> {
    fs::create_dirs(dir)?;
    let mut written = 0;
    let mut write = |command: &clap::Command, name: &str| -> Result<()> {
        written += 1;
        fs::write_atomic(&dir.join(format!("{name}.1")), &page(command, name)?, 0o644)
    };
    write(program, "xtask")?;
    for command in program.get_subcommands() {
        if command.get_name() != "help" {
            write(command, &format!("xtask-{}", command.get_name()))?;
        }
    }
    let text = format!("{written} pages to {}", fs::shown(dir).display());
    ctx.ui.status("Wrote", &text);
    Ok(ExitCode::SUCCESS)
}

fn page(command: &clap::Command, name: &str) -> Result<Vec<u8>> {
    let mut page = Vec::new();
    Page::new(command.clone())
        .title(name)
        .manual("OpenWrt packages from Rust")
        .render(&mut page)
        .with_context(|| format!("make the page of {name}"))?;
    let text = String::from_utf8(page).context("read the page that was made")?;
    Ok(text.chars().flat_map(roff).collect::<String>().into_bytes())
}

/// Letters beyond ASCII as every troff reads them, in any locale.
fn roff(letter: char) -> Vec<char> {
    match letter.is_ascii() {
        true => vec![letter],
        false => format!("\\[u{:04X}]", u32::from(letter)).chars().collect(),
    }
}
