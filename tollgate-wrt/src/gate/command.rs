//! A gate that the owner's own program works.
//!
//! | the program is run as | does | prints |
//! |---|---|---|
//! | `PROGRAM ready MAC` | looks whether it could open | |
//! | `PROGRAM open MAC milliseconds N` or `… bytes N` | lets the customer through | |
//! | `PROGRAM close MAC` | shuts the customer out | |
//! | `PROGRAM usage MAC` | | bytes of the customer, or nothing |
//! | `PROGRAM list` | | a line `MAC` or `MAC BYTES` for each whom it lets through |
//!
//! Exit status 0 is success. What it writes to standard error is logged when it
//! fails. After ten seconds, or 4 MiB of text, it is killed with all that it has
//! started, and has failed.

use std::path::PathBuf;
use std::time::Duration;

use super::{Error, Gate, Limit, Open, Work, process};
use crate::net::Mac;

/// How long a program may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The gate that a program works.
#[derive(Debug)]
pub struct Command {
    program: PathBuf,
}

impl Command {
    /// A gate that `program` works.
    pub fn new(program: PathBuf) -> Self {
        Self { program }
    }

    async fn run(&self, arguments: &[&str]) -> Result<String, Error> {
        let what = arguments.first().copied().unwrap_or_default();
        let failed = |why: String| Error(format!("{} {what}: {why}", self.program.display()));
        let output = process::run(&self.program, arguments, TIMEOUT).await;
        let output = output.map_err(&failed)?;
        if !output.status.success() {
            let complaint = process::said(&output.stderr);
            return Err(failed(format!("{}; {complaint}", output.status)));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

impl Gate for Command {
    fn ready(&self, mac: Mac) -> Work<'_, ()> {
        Box::pin(async move { self.run(&["ready", &mac.to_string()]).await.map(drop) })
    }

    fn open(&self, mac: Mac, limit: Limit) -> Work<'_, ()> {
        Box::pin(async move {
            let (unit, amount) = match limit {
                Limit::Time(time) => ("milliseconds", time.as_millis().to_string()),
                Limit::Bytes(bytes) => ("bytes", bytes.to_string()),
            };
            let arguments = ["open", &mac.to_string(), unit, &amount];
            self.run(&arguments).await.map(drop)
        })
    }

    fn close(&self, mac: Mac) -> Work<'_, ()> {
        Box::pin(async move { self.run(&["close", &mac.to_string()]).await.map(drop) })
    }

    fn usage(&self, mac: Mac) -> Work<'_, Option<u64>> {
        Box::pin(async move {
            let text = self.run(&["usage", &mac.to_string()]).await?;
            bytes(text.trim())
        })
    }

    fn list(&self) -> Work<'_, Vec<Open>> {
        Box::pin(async move {
            let text = self.run(&["list"]).await?;
            let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
            lines.map(open).collect()
        })
    }
}

fn open(line: &str) -> Result<Open, Error> {
    let (mac, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let mac = mac
        .parse()
        .map_err(|_| Error(format!("list: {line:?} does not begin with a MAC address")))?;
    let bytes = bytes(rest.trim())?;
    Ok(Open { mac, bytes })
}

fn bytes(text: &str) -> Result<Option<u64>, Error> {
    match text {
        "" => Ok(None),
        _ => text
            .parse()
            .map(Some)
            .map_err(|_| Error(format!("{text:?} is no number of bytes"))),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;
    use std::path::Path;
    use std::process::Stdio;

    use super::*;

    const MAC: &str = "02:00:00:00:00:01";

    fn gate(directory: &Path, script: &str) -> Command {
        let program = directory.join("gate");
        // By another process: a file cannot be run while a process has it open to
        // be written, and each that another test starts meanwhile inherits that.
        let mut child = std::process::Command::new("sh")
            .args(["-c", "cat >\"$0\" && chmod 755 \"$0\""])
            .arg(&program)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        writeln!(stdin, "#!/bin/sh\n{script}").unwrap();
        drop(stdin);
        assert!(child.wait().unwrap().success());
        Command::new(program)
    }

    #[tokio::test]
    async fn the_program_is_told_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let gate = gate(
            dir.path(),
            r#"echo "$*" >> "${0%/*}/log"
            case $1 in
            usage) echo 4096;;
            list) printf '02:00:00:00:00:0A 17\n\n02:00:00:00:00:0b\n';;
            esac"#,
        );
        let mac = MAC.parse().unwrap();
        gate.ready(mac).await.unwrap();
        gate.open(mac, Limit::Time(Duration::from_secs(60)))
            .await
            .unwrap();
        gate.open(mac, Limit::Bytes(7)).await.unwrap();
        gate.close(mac).await.unwrap();
        assert_eq!(gate.usage(mac).await, Ok(Some(4_096)));
        let listed = gate.list().await.unwrap();
        let text: Vec<_> = listed
            .iter()
            .map(|open| format!("{} {:?}", open.mac, open.bytes))
            .collect();
        assert_eq!(
            text,
            ["02:00:00:00:00:0a Some(17)", "02:00:00:00:00:0b None"]
        );
        let log = fs::read_to_string(dir.path().join("log")).unwrap();
        let expected = format!(
            "ready {MAC}\nopen {MAC} milliseconds 60000\nopen {MAC} bytes 7\nclose {MAC}\nusage {MAC}\nlist\n"
        );
        assert_eq!(log, expected);
    }

    #[tokio::test]
    async fn failures_are_told() {
        let dir = tempfile::tempdir().unwrap();
        let mac = MAC.parse().unwrap();
        let error = gate(dir.path(), "echo broken >&2; exit 3")
            .ready(mac)
            .await
            .unwrap_err();
        assert!(
            error.0.ends_with("gate ready: exit status: 3; broken"),
            "{error}"
        );
        let gate = gate(dir.path(), "echo nonsense");
        assert!(gate.usage(mac).await.is_err());
        assert!(gate.list().await.is_err());
        let missing = Command::new(dir.path().join("nothing"));
        assert!(missing.open(mac, Limit::Bytes(1)).await.is_err());
    }
}
