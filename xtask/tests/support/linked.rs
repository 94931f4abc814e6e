//! A workspace whose program is linked from some crates and not from others:
//! all are folders, so that it builds without a network.
#![allow(dead_code)]

use std::path::Path;
use std::process::Command;

use super::project::COMMIT_TIME;
use super::support;

/// The workspace in a directory of its own, as a git checkout.
pub struct Linked {
    pub dir: tempfile::TempDir,
}

const LIB: &str = "pub fn one() -> u8 { 1 }\n";
const FILES: [(&str, &str); 21] = [
    (".gitignore", "/target/\n/dist/\n"),
    (
        "Cargo.toml",
        "[workspace]\nresolver = \"3\"\nmembers = [\"p-*\"]\n[workspace.package]\nlicense = \"MIT\"\n",
    ),
    ("LICENSE", "The terms of the workspace\n"),
    (
        "p-main/Cargo.toml",
        "[package]\nname = \"p-main\"\nversion = \"0.1.0\"\nedition = \"2021\"\nlicense.workspace = true\n\
         description = \"Links\"\nauthors = [\"A <a@example.org>\"]\n\
         [dependencies]\np-linked = { path = \"../p-linked\" }\np-macro = { path = \"../p-macro\" }\n\
         p-option = { path = \"../p-option\", optional = true }\n\
         [target.'cfg(windows)'.dependencies]\np-windows = { path = \"../p-windows\" }\n\
         [dev-dependencies]\np-tests = { path = \"../p-tests\" }\n\
         [build-dependencies]\np-build = { path = \"../p-build\" }\n\
         [package.metadata.openwrt]\nsection = \"utils\"\ncategory = \"Utilities\"\ntitle = \"Links\"\nrelease = 1\n",
    ),
    (
        "p-main/build.rs",
        "fn main() { p_build::one(); println!(\"cargo:rerun-if-changed=build.rs\"); }\n",
    ),
    (
        "p-main/src/main.rs",
        "p_macro::nothing!();\nfn main() { println!(\"{}\", p_linked::two()); }\n",
    ),
    (
        "p-linked/Cargo.toml",
        "[package]\nname = \"p-linked\"\nversion = \"0.2.0\"\nlicense = \"MIT/Apache-2.0\"\n\
         [dependencies]\nrenamed = { package = \"p-deep\", path = \"../p-deep\", features = [\"extra\"] }\n",
    ),
    (
        "p-linked/src/lib.rs",
        "extern crate renamed;\npub fn two() -> u8 { renamed::one() + 1 }\n",
    ),
    (
        "p-deep/Cargo.toml",
        "[package]\nname = \"p-deep\"\nversion = \"0.3.0\"\nlicense = \"ISC\"\n[features]\nextra = []\n",
    ),
    ("p-deep/COPYING", "The terms of p-deep\n"),
    ("p-deep/src/lib.rs", LIB),
    (
        "p-macro/Cargo.toml",
        "[package]\nname = \"p-macro\"\nversion = \"0.4.0\"\nlicense = \"MIT\"\n[lib]\nproc-macro = true\n",
    ),
    (
        "p-macro/src/lib.rs",
        "#[proc_macro]\npub fn nothing(_: proc_macro::TokenStream) -> proc_macro::TokenStream { proc_macro::TokenStream::new() }\nextern crate proc_macro;\n",
    ),
    (
        "p-option/Cargo.toml",
        "[package]\nname = \"p-option\"\nversion = \"0.5.0\"\nlicense = \"MIT\"\n",
    ),
    ("p-option/src/lib.rs", LIB),
    (
        "p-windows/Cargo.toml",
        "[package]\nname = \"p-windows\"\nversion = \"0.6.0\"\nlicense = \"MIT\"\n",
    ),
    ("p-windows/src/lib.rs", LIB),
    (
        "p-tests/Cargo.toml",
        "[package]\nname = \"p-tests\"\nversion = \"0.7.0\"\nlicense = \"MIT\"\n",
    ),
    ("p-tests/src/lib.rs", LIB),
    (
        "p-build/Cargo.toml",
        "[package]\nname = \"p-build\"\nversion = \"0.8.0\"\nlicense = \"MIT\"\n",
    ),
    ("p-build/src/lib.rs", LIB),
];

impl Linked {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in FILES {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let locked = Command::new(cargo)
            .args(["generate-lockfile", "--offline", "--quiet"])
            .current_dir(dir.path())
            .status();
        assert!(locked.unwrap().success());
        let new = Self { dir };
        new.git(&["init", "-q"]);
        new.commit("first");
        new
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Commits everything, at the one time.
    pub fn commit(&self, message: &str) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", message]);
    }

    /// What git answers.
    pub fn git(&self, args: &[&str]) -> String {
        let time = format!("{COMMIT_TIME} +0000");
        let output = Command::new("git")
            .args(["-c", "user.name=x", "-c", "user.email=x@example.org"])
            .args(args)
            .current_dir(self.dir.path())
            .env("GIT_COMMITTER_DATE", &time)
            .env("GIT_AUTHOR_DATE", &time)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "git {args:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// The command that makes the package for x86_64.
    pub fn command(&self) -> Command {
        let mut command = support::xtask();
        command
            .args([
                "ipk",
                "x86_64",
                "--json",
                "--toolchain",
                "debian",
                "--manifest-path",
            ])
            .arg(self.dir.path().join("Cargo.toml"));
        command
    }

    /// Makes it; gives its report.
    pub fn ipk(&self) -> serde_json::Value {
        support::json(&support::run(&mut self.command()))
    }
}
