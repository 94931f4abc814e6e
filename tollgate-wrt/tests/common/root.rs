//! The router's files, as the daemon is shown them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::program::program;
use super::{BINARY, Daemon};

/// A system root with the files of a test.
pub struct Root(tempfile::TempDir);

impl Root {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A root with one configured mint.
    pub fn configured() -> Self {
        let root = Self::new();
        root.write(
            "etc/tollgate/config.json",
            r#"{"accepted_mints": [{"url": "https://mint.example", "price_per_step": 1}]}"#,
        );
        root
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn file(&self, path: &str) -> PathBuf {
        self.path().join(path)
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.file(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Writes a program that can be run at once; gives its path.
    pub fn write_program(&self, path: &str, text: &str) -> PathBuf {
        let path = self.file(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        program(&path, text);
        path
    }

    pub fn identity(&self) -> String {
        fs::read_to_string(self.file("etc/tollgate/identities.json")).unwrap()
    }

    /// A command of the daemon with this root.
    pub fn command(&self, command: &[&str]) -> Command {
        let mut process = Command::new(BINARY);
        process.args(command).arg("--root").arg(self.path());
        process
    }

    /// Runs a command that ends by itself; gives exit code, output and errors,
    /// without the name of the temporary directory.
    pub fn output(&self, command: &[&str]) -> (i32, String, String) {
        let output = self.command(command).output().unwrap();
        let text = |bytes: Vec<u8>| {
            let text = String::from_utf8(bytes).unwrap();
            text.replace(self.path().to_str().unwrap(), "")
        };
        let code = output.status.code().unwrap();
        (code, text(output.stdout), text(output.stderr))
    }

    /// Starts the daemon on a free port of the loopback.
    pub fn start(&self) -> Daemon {
        self.start_with(&[])
    }

    pub fn start_with(&self, arguments: &[&str]) -> Daemon {
        let mut command = self.command(&["run", "--listen", "127.0.0.1:0"]);
        command.args(arguments);
        Daemon::start(command)
    }
}
