//! A userland that is an image: a container of it, with procd as its first
//! process where it starts there.

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::{DIR, SCRIPT};
use crate::deploy::running::{Reply, Running};
use crate::engine::Engine;
use crate::engine::container::Guard;
use crate::util::interrupt::{Interrupt, Stopped};

/// How long procd gets until its bus is there.
const BOOT: Duration = Duration::from_secs(30);

/// A container; gone when dropped.
#[derive(Debug)]
pub struct Container<'a> {
    engine: &'a Engine,
    name: String,
    guard: Option<Guard>,
}

impl<'a> Container<'a> {
    /// Makes one (the engine pulls the image where it is not there), and starts
    /// it. `true` when procd runs in it.
    ///
    /// # Errors
    /// The engine cannot, with its own words.
    pub fn start(engine: &'a Engine, image: &str) -> Result<(Self, bool)> {
        let name = format!("xtask-try-{}", std::process::id());
        // Other processors than the machine's are Docker's own affair (binfmt).
        engine.read(&["create", "--name", &name, image, "/sbin/init"])?;
        let mut container = Self {
            engine,
            guard: Some(engine.guard(&name)?),
            name,
        };
        let has_procd = engine.read(&["start", &container.name]).is_ok() && container.boots();
        if !has_procd {
            // A container that only waits.
            container.guard.take();
            engine.read(&[
                "create",
                "--name",
                &container.name,
                "--entrypoint",
                "/bin/sh",
                image,
                "-c",
                "while :; do sleep 60; done",
            ])?;
            container.guard = Some(engine.guard(&container.name)?);
            engine.read(&["start", &container.name])?;
        }
        Ok((container, has_procd))
    }

    /// Waits for procd's bus.
    fn boots(&self) -> bool {
        let started = Instant::now();
        while started.elapsed() < BOOT && !Interrupt::was_asked() {
            if self
                .engine
                .read(&["exec", &self.name, "ubus", "list", "service"])
                .is_ok()
            {
                return true;
            }
            if !matches!(self.engine.ended(&self.name), Ok(None)) {
                return false;
            }
            std::thread::sleep(Duration::from_millis(500));
        }
        false
    }

    /// Puts a file where the script looks for it.
    ///
    /// # Errors
    /// The engine cannot.
    pub fn put(&self, name: &str, content: &[u8]) -> Result<()> {
        let mut archive = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        let path = format!("{}/{name}", DIR.trim_start_matches('/'));
        archive
            .append_data(&mut header, path, content)
            .context("pack the package for the container")?;
        let archive = archive.into_inner().context("pack the package")?;
        // /tmp may be a mount of its own, which `cp` does not see: by a command.
        let output = duct::cmd(
            &self.engine.program,
            ["exec", "-i", &self.name, "tar", "-xf", "-", "-C", "/"],
        )
        .stdin_bytes(archive)
        .stdout_null()
        .stderr_capture()
        .unchecked()
        .run()
        .context("start docker")?;
        anyhow::ensure!(
            output.status.success(),
            "put the package into the container: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Ok(())
    }

    /// Runs the script.
    ///
    /// # Errors
    /// The engine cannot be started; Ctrl-C.
    pub fn run(&self, args: &[String], interrupt: &Interrupt) -> Result<Reply> {
        let child = Command::new(&self.engine.program)
            .args(["exec", "-i", &self.name, "/bin/sh", "-s", "--"])
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .with_context(|| format!("start {}", self.engine.program.display()))?;
        let mut running = Running::new(child, SCRIPT.as_bytes().to_vec());
        match running.wait(|_| !interrupt.asked())? {
            Some(reply) => Ok(reply),
            None => {
                running.kill();
                Err(Stopped("the container is removed".to_owned()).into())
            }
        }
    }

    /// Its name, when it is to stay.
    pub fn keep(mut self) -> String {
        if let Some(guard) = self.guard.take() {
            guard.release();
        }
        self.name.clone()
    }
}
