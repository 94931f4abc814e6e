//! Containers that are made, run and taken apart by steps: what `docker run`
//! does at once cannot be given files in between, nor give any back.

use std::ffi::OsString;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

use super::{Engine, trouble};

/// Whom files in a container belong to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// User.
    pub uid: u64,
    /// Group.
    pub gid: u64,
}

/// How a container ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Its exit code; more than 128 for a signal.
    pub code: i64,
    /// The kernel stopped it: out of memory.
    pub out_of_memory: bool,
}

impl Engine {
    /// Ids of containers, running or not, that have this label.
    ///
    /// # Errors
    /// The engine does not answer.
    pub fn containers(&self, label: &str) -> Result<Vec<String>> {
        let filter = format!("label={label}");
        let ids = self.read(&["ps", "--all", "--quiet", "--no-trunc", "--filter", &filter])?;
        Ok(ids.lines().map(str::to_owned).collect())
    }

    /// Makes a volume where there is none of that name.
    ///
    /// # Errors
    /// The engine cannot.
    pub fn ensure_volume(&self, name: &str, labels: &[(String, String)]) -> Result<()> {
        let mut args = vec!["volume".to_owned(), "create".to_owned()];
        for (label, value) in labels {
            args.extend(["--label".to_owned(), format!("{label}={value}")]);
        }
        args.push(name.to_owned());
        // Podman refuses a name that is taken.
        let made = self.read(&args);
        match made {
            Err(_) if self.read(&["volume", "inspect", name]).is_ok() => Ok(()),
            made => made.map(drop),
        }
    }

    /// The numbers of a container's user, whom its image names.
    ///
    /// # Errors
    /// The image has no such user.
    pub fn user(&self, container: &str, name: &str) -> Result<User> {
        let (user, group) = name.split_once(':').unwrap_or((name, ""));
        let root = User { uid: 0, gid: 0 };
        if user.is_empty() {
            return Ok(root);
        }
        // `docker cp --archive` looks a name up in the daemon's own machine.
        let archive = self.copy_out(container, "/etc/passwd")?;
        let mut passwd = String::new();
        for entry in tar::Archive::new(&archive[..]).entries()? {
            entry?.read_to_string(&mut passwd)?;
        }
        let found = passwd.lines().find_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            let [own, _, uid, gid, ..] = fields[..] else {
                return None;
            };
            (own == user || uid == user).then_some((uid, gid))
        });
        let numbers = match found {
            Some((uid, gid)) => Some((uid, group.parse().unwrap_or(gid.parse().unwrap_or(0)))),
            None => Some((user, group.parse().unwrap_or(0))),
        };
        numbers
            .and_then(|(uid, gid)| {
                Some(User {
                    uid: uid.parse().ok()?,
                    gid,
                })
            })
            .with_context(|| format!("the image's user {user} is not in its /etc/passwd"))
    }

    /// Unpacks a tar archive in a container that need not run.
    ///
    /// # Errors
    /// The engine cannot.
    pub fn copy_in(&self, container: &str, archive: Vec<u8>) -> Result<()> {
        let target = format!("{container}:/");
        let output = duct::cmd(&self.program, ["cp", "-", &target])
            .stdin_bytes(archive)
            .stdout_null()
            .stderr_capture()
            .unchecked()
            .run()
            .with_context(|| format!("start {}", self.program.display()))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(trouble::explain(self, "cp", &said))
    }

    /// A folder of a container, as a tar archive.
    ///
    /// # Errors
    /// There is none, or the engine cannot.
    pub fn copy_out(&self, container: &str, folder: &str) -> Result<Vec<u8>> {
        let output = self
            .command(&["cp", &format!("{container}:{folder}"), "-"])
            .stdout_capture()
            .stderr_capture()
            .unchecked()
            .run()
            .with_context(|| format!("start {}", self.program.display()))?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(trouble::explain(self, "cp", &said))
    }

    /// How a container ended; `None` while it runs.
    ///
    /// # Errors
    /// It is gone, or the engine does not answer.
    pub fn ended(&self, container: &str) -> Result<Option<Ended>> {
        let format = "{{.State.Running}} {{.State.ExitCode}} {{.State.OOMKilled}}";
        let state = self.read(&["container", "inspect", "--format", format, container])?;
        let words: Vec<&str> = state.split_whitespace().collect();
        let [running, code, out_of_memory] = words[..] else {
            anyhow::bail!("{} says of {container}: {state:?}", self.kind.name());
        };
        Ok((running == "false").then_some(Ended {
            code: code.parse().unwrap_or(-1),
            out_of_memory: out_of_memory == "true",
        }))
    }

    /// Removes a container when the guard is dropped, and when this process
    /// dies, however it does: a helper of its own process group waits for that.
    ///
    /// # Errors
    /// The helper cannot be started.
    pub fn guard(&self, container: &str) -> Result<Guard> {
        let script = "cat >/dev/null; exec \"$0\" rm --force --volumes \"$1\"";
        let helper = Command::new("sh")
            .args(["-c", script])
            .arg(OsString::from(&self.program))
            .arg(container)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .context("start sh")?;
        Ok(Guard { helper })
    }
}

/// What a container lives by.
#[derive(Debug)]
pub struct Guard {
    helper: Child,
}

impl Guard {
    /// The container stays.
    pub fn release(mut self) {
        // It waits for the end of its input, and does not see it then.
        let _ = self.helper.kill();
        let _ = self.helper.wait();
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.helper.stdin.take());
        // What it could not remove, the next run does.
        let _ = self.helper.wait();
    }
}
