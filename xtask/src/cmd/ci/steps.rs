//! Steps run this program again, as a user would type it: what a workflow does
//! can be done by hand, command by command.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::context::Context;
use crate::util::interrupt::{self, Interrupt, Stopped};
use crate::util::process;

/// Runs this program's other commands.
pub struct Steps<'a> {
    ctx: &'a Context,
    own: PathBuf,
    interrupt: Interrupt,
}

impl<'a> Steps<'a> {
    /// # Errors
    /// When this program cannot be found or Ctrl-C not be caught.
    pub fn new(ctx: &'a Context) -> Result<Self> {
        Ok(Self {
            ctx,
            own: std::env::current_exe().context("find this program")?,
            interrupt: Interrupt::watch()?,
        })
    }

    /// Runs one; what it prints goes to stderr.
    ///
    /// # Errors
    /// Its failure, which it has explained, and [`Stopped`].
    pub fn run(&self, args: &[&str]) -> Result<()> {
        self.ended(args, &self.command(args)?.stdout_to_stderr())
    }

    /// Runs one with `--json` and reads what it prints; with its success.
    ///
    /// # Errors
    /// When it prints no JSON, and [`Stopped`].
    pub fn json(&self, args: &[&str]) -> Result<(Value, bool)> {
        let command = self
            .command(&[args, &["--json"]].concat())?
            .stdout_capture();
        let output = command.unchecked().run().context("start this program")?;
        self.stopped(output.status.code(), args)?;
        let value = serde_json::from_slice(&output.stdout)
            .with_context(|| format!("{} gave no answer: its error stands above", shown(args)))?;
        Ok((value, output.status.success()))
    }

    fn command(&self, args: &[&str]) -> Result<duct::Expression> {
        if self.interrupt.asked() {
            bail!(Stopped(format!("before {}", shown(args))));
        }
        self.ctx.ui.status("Running", &shown(args));
        Ok(duct::cmd(&self.own, args))
    }

    fn ended(&self, args: &[&str], command: &duct::Expression) -> Result<()> {
        let output = command.unchecked().run().context("start this program")?;
        self.stopped(output.status.code(), args)?;
        if !output.status.success() {
            bail!("{} failed ({}): see above", shown(args), output.status);
        }
        Ok(())
    }

    fn stopped(&self, code: Option<i32>, args: &[&str]) -> Result<()> {
        if self.interrupt.asked() || code == Some(i32::from(interrupt::EXIT_CODE)) {
            bail!(Stopped(format!("during {}", shown(args))));
        }
        Ok(())
    }
}

/// As a user would type it.
fn shown(args: &[&str]) -> String {
    let words: Vec<String> = args.iter().map(|word| process::shell_word(word)).collect();
    format!("cargo xtask {}", words.join(" "))
}
