//! Copies a package and installs it: one command on the router, whose script
//! reads the file from its standard input. Whatever ends it early, the file is
//! removed again; an installation that has begun is not interrupted.

use std::fmt;

use anyhow::{Context, Result, anyhow, bail};

use super::package::{Candidate, Change};
use super::router::Lines;
use super::running::{Progress, Reply};
use super::ssh::{Session, printable_lines};
use crate::util::fs::human_size;
use crate::util::interrupt::{Interrupt, Stopped};
use crate::util::process::{shell_quoted, tail};
use crate::util::ui::{Step, Ui};

/// An apk that is added by its file is held at that very version: adding it by
/// its name afterwards lets feeds upgrade it.
const SCRIPT: &str = include_str!("install.sh");
/// Longest command that the ssh server of OpenWrt takes (dropbear, sysoptions.h).
const MAX_COMMAND: usize = 9000;

/// What the package manager said.
#[derive(Debug)]
pub struct Installed {
    /// Its lines.
    pub said: Vec<String>,
    /// Whether the router compared the SHA-256; where it has no sha256sum only
    /// the size was.
    pub compared: bool,
}

/// The connection broke while the router was installing: nobody here knows how
/// that ended.
#[derive(Debug)]
pub struct Unknown(String);

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the connection broke while the router was installing, which it goes on with; look there ({})",
            self.0
        )
    }
}

impl std::error::Error for Unknown {}

/// Copies and installs.
///
/// # Errors
/// The connection breaks; the copy is not what was sent; the package manager
/// refuses: with its own words. [`Unknown`]; [`Stopped`].
pub fn install(
    session: &Session,
    package: &Candidate,
    change: Change,
    ui: &Ui,
    interrupt: &Interrupt,
) -> Result<Installed> {
    let name = package.file_name()?;
    let size = package.size.to_string();
    let mut words = vec![
        "exec",
        "sh",
        "-c",
        SCRIPT,
        "sh",
        &name,
        &size,
        &package.sha256,
        &package.name,
    ];
    words.extend(package.command(change));
    let quoted: Vec<String> = words[3..].iter().map(|word| shell_quoted(word)).collect();
    let command = format!("{} {}", words[..3].join(" "), quoted.join(" "));
    anyhow::ensure!(
        command.len() < MAX_COMMAND,
        "the file's name is too long: {name}"
    );

    let mut shown = Shown::new(ui, package);
    let mut running = session.start(&command, package.bytes()?)?;
    let reply = running.wait(|progress| {
        shown.update(progress);
        let stop = interrupt.asked();
        if stop && shown.installing {
            shown.warn();
        }
        !stop || shown.installing
    })?;
    let copied = shown.sent;
    shown.end(reply.as_ref());
    let Some(reply) = reply else {
        running.kill();
        return Err(Stopped(
            "nothing was installed, and the router removes what had arrived".to_owned(),
        )
        .into());
    };
    read(package, &reply, copied)
}

/// What a reply means.
fn read(package: &Candidate, reply: &Reply, copied: u64) -> Result<Installed> {
    let lines = Lines(&reply.stdout);
    let how = lines.get("copied");
    let why = printable_lines(reply.stderr.trim());
    let Some(code) = lines.last("code") else {
        if how.is_some() {
            return Err(Unknown(why).into());
        }
        let name = package.file_name()?;
        return Err(match reply.code {
            None => anyhow!(
                "the connection broke after {} of {}: nothing was installed, and the router removes what had arrived ({why})",
                human_size(copied.min(package.size)),
                human_size(package.size)
            ),
            Some(70) => anyhow!("the router cannot make a folder in /tmp: {why}"),
            Some(72) => anyhow!("the router cannot write {name} to /tmp: {why}"),
            Some(73) => anyhow!("{name} did not arrive whole; it was removed again"),
            Some(74) => anyhow!("{name} arrived with another SHA-256; it was removed again"),
            Some(code) => anyhow!("the router's shell ended with code {code}: {why}"),
        });
    };
    let said: Vec<String> = printable_lines(&lines.others().collect::<Vec<_>>().join("\n"))
        .lines()
        .map(str::to_owned)
        .collect();
    let code: i32 = code.parse().context("read the exit code")?;
    if code != 0 {
        let said = said.join("\n");
        let manager = super::router::manager(package.format);
        let way = match () {
            () if said.contains("UNTRUSTED") => {
                "\n  the router does not trust the key that signed it: --feed adds a feed with its key"
            }
            () => "",
        };
        bail!("{manager} failed with code {code}:\n{}{way}", tail(&said));
    }
    Ok(Installed {
        said,
        compared: how == Some("sha256"),
    })
}

/// The lines on the user's terminal.
struct Shown<'a> {
    ui: &'a Ui,
    step: Option<Step>,
    text: String,
    total: u64,
    sent: u64,
    installing: bool,
    warned: bool,
}

impl<'a> Shown<'a> {
    fn new(ui: &'a Ui, package: &Candidate) -> Self {
        let name = package.path.file_name().unwrap_or_default();
        let text = format!("{} ({})", name.to_string_lossy(), human_size(package.size));
        Self {
            ui,
            step: Some(ui.step("Copying", &text)),
            text,
            total: package.size.max(1),
            sent: 0,
            installing: false,
            warned: false,
        }
    }

    fn update(&mut self, progress: Progress) {
        if progress.printed > 0 && !self.installing {
            self.installing = true;
            if let Some(step) = self.step.take() {
                step.done("Copied");
            }
            self.step = Some(self.ui.step("Installing", "on the router"));
        } else if !self.installing && progress.sent != self.sent {
            if let Some(step) = &self.step {
                let percent = progress.sent * 100 / self.total;
                step.show(&format!("{} {percent} %", self.text));
            }
        }
        self.sent = progress.sent;
    }

    fn warn(&mut self) {
        if !std::mem::replace(&mut self.warned, true) {
            self.ui.note(
                "the router is installing, which is not interrupted; Ctrl-C again leaves it to itself",
            );
        }
    }

    fn end(mut self, reply: Option<&Reply>) {
        // Both may have happened since the last look.
        if reply.is_some_and(|reply| reply.stdout.contains("xtask.copied=")) {
            self.update(Progress {
                sent: self.total,
                printed: 1,
            });
        }
        let ok = reply.is_some_and(|reply| Lines(&reply.stdout).last("code") == Some("0"));
        if let (true, Some(step)) = (ok, self.step.take()) {
            step.done("Installed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::sdk::Format;

    fn reply(code: Option<i32>, stdout: &str) -> Reply {
        Reply {
            code,
            stdout: stdout.to_owned(),
            stderr: "why\n".to_owned(),
        }
    }

    #[test]
    fn what_a_reply_means() {
        let package = Candidate {
            path: "/x/a b'_1.ipk".into(),
            name: "a".into(),
            version: "1".into(),
            arch: "all".into(),
            format: Format::Ipk,
            size: 2000,
            installed_size: 1,
            sha256: "00".into(),
            signed: false,
            services: Vec::new(),
            conffiles: Vec::new(),
        };
        assert_eq!(package.file_name().unwrap(), "a_b__1.ipk");
        let read = |code, stdout: &str| read(&package, &reply(code, stdout), 1000);
        let done = read(
            Some(0),
            "xtask.copied=sha256\nInstalling\u{7}\nxtask.code=0\n",
        )
        .unwrap();
        assert_eq!(
            (done.compared, done.said),
            (true, vec!["Installing\\u{7}".to_owned()])
        );
        assert!(
            !read(Some(0), "xtask.copied=size\nxtask.code=0\n")
                .unwrap()
                .compared
        );
        let error = |code, stdout: &str| read(code, stdout).unwrap_err();
        assert!(error(None, "xtask.copied=size\n").is::<Unknown>());
        let text = |code, stdout: &str| error(code, stdout).to_string();
        assert!(text(None, "").contains("after 1.0 kB of 2.0 kB"));
        assert!(text(Some(73), "").contains("did not arrive whole"));
        let refused = text(Some(0), "xtask.copied=size\n * no room\nxtask.code=255\n");
        assert_eq!(refused, "opkg failed with code 255:\n     * no room");
        // What a package's script prints is not how it ended.
        let forged = "xtask.copied=size\nxtask.code=0\nxtask.code=1\n";
        assert!(text(Some(0), forged).contains("failed with code 1"));
    }

    #[test]
    fn the_script_fits_the_server() {
        assert!(shell_quoted(SCRIPT).len() < MAX_COMMAND / 4);
    }
}
