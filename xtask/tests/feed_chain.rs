//! The whole chain: two architectures are built in both formats, indexed, signed,
//! served, and checked as a client would; then every file of every feed is
//! corrupted once.

#[path = "support/feeds.rs"]
mod feeds;
#[path = "support/project.rs"]
mod project;
mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use feeds::{RELEASES, names, package, program, serve, stderr};
use serde_json::json;

const ARCHS: [&str; 2] = ["aarch64_cortex-a53", "mips_24kc"];

/// Both releases' feeds of both architectures, behind a URL.
struct Chain {
    home: tempfile::TempDir,
    project: project::Project,
    url: String,
}

impl Chain {
    /// From sources to served feeds, by the commands that a user gives.
    fn new() -> Self {
        let chain = Self {
            home: tempfile::tempdir().unwrap(),
            project: project::Project::new(),
            url: String::new(),
        };
        support::run(&mut chain.xtask(&["keygen"]));
        for command in ["ipk", "apk"] {
            support::run(&mut chain.project.xtask(&[command, ARCHS[0], ARCHS[1]]));
        }
        let dist = chain.project.path("dist");
        for (release, end) in RELEASES {
            for arch in ARCHS {
                // A second package, so that two can change places.
                let (file, bytes) = package(end, "other", "1.0-r1", arch, arch.as_bytes());
                std::fs::write(dist.join(release).join(arch).join(file), bytes).unwrap();
            }
            let mut feed = chain.xtask(&["feed", "--release", release, "--dist"]);
            support::run(feed.arg(&dist));
        }
        Self {
            url: serve(dist.join("feed")),
            ..chain
        }
    }

    fn xtask(&self, args: &[&str]) -> Command {
        let mut command = support::xtask();
        command.args(args).env("XDG_CONFIG_HOME", self.home.path());
        for name in ["XTASK_USIGN_KEY", "XTASK_APK_KEY", "SSL_CERT_FILE"] {
            command.env_remove(name);
        }
        command
    }

    /// Folder and address of each feed, with the end of its packages' names.
    fn feeds(&self) -> Vec<(PathBuf, String, &'static str)> {
        let all = RELEASES.into_iter().flat_map(|(release, end)| {
            ARCHS.map(|arch| {
                let dir = self.project.path("dist/feed").join(release).join(arch);
                (dir, format!("{}/{release}/{arch}", self.url), end)
            })
        });
        all.collect()
    }

    /// What a client that knows the public key says: its errors, or nothing.
    fn verify(&self, place: &str, end: &str) -> Result<(), String> {
        let key = match end {
            "ipk" => "key-build.pub",
            _ => "public-key.pem",
        };
        let key = self.home.path().join("xtask/keys").join(key);
        let mut command = self.xtask(&["feed", "--verify", place, "--key"]);
        let output = command.arg(key).output().unwrap();
        let said = stderr(&output);
        match output.status.code() {
            Some(0) => Ok(()),
            Some(1) => Err(said),
            other => panic!("{other:?}: {said}"),
        }
    }

    /// That it is refused, and which file is named.
    fn refused(&self, place: &str, end: &str, name: &str, what: &str) {
        let said = match self.verify(place, end) {
            Ok(()) => panic!("{place}: {name} is {what}, and nothing was said"),
            Err(said) => said,
        };
        let file = format!("error: {place}/{name}: ");
        // A signature is named with what it is of.
        let signature = format!("its signature {name} is refused");
        let is_named = said
            .lines()
            .any(|line| line.starts_with(&file) || line.contains(&signature));
        assert!(is_named, "{place}: {name} is {what}:\n{said}");
    }
}

#[test]
fn from_sources_to_a_client_that_refuses_every_corrupted_file() {
    if !project::toolchain() {
        return;
    }
    let chain = Chain::new();
    let feeds = chain.feeds();
    for (_, place, end) in &feeds {
        chain.verify(place, end).unwrap();
    }
    let local = chain.project.path("dist/feed");
    let mut all = chain.xtask(&["feed", "--json", "--verify"]);
    let report = support::json(&support::run(all.arg(&local)));
    let packages: Vec<_> = report["feeds"]
        .as_array()
        .unwrap()
        .iter()
        .map(|feed| (feed["arch"].clone(), feed["packages"].clone()))
        .collect();
    let both = ARCHS.map(|arch| (json!(arch), json!(2)));
    assert_eq!(packages, [both.clone(), both].concat());

    others_verify(&feeds);
    for (dir, place, end) in &feeds {
        for name in names(dir) {
            let path = dir.join(&name);
            let good = std::fs::read(&path).unwrap();
            let mut flipped = good.clone();
            flipped[good.len() / 2] ^= 1;
            for (bad, what) in [
                (&flipped[..], "corrupted"),
                (&good[..good.len() / 2], "cut off"),
            ] {
                std::fs::write(&path, bad).unwrap();
                // The client has its own key.
                let is_key = name.ends_with(".pub") || name.ends_with(".pem");
                let said = if is_key {
                    "key that came with it"
                } else {
                    what
                };
                chain.refused(place, end, &name, said);
            }
            std::fs::write(&path, good).unwrap();
        }
        let packages: Vec<String> = names(dir)
            .into_iter()
            .filter(|name| name.ends_with(end))
            .collect();
        let [first, second] = &packages[..] else {
            panic!("{packages:?}")
        };
        swap(&dir.join(first), &dir.join(second));
        for name in [first, second] {
            chain.refused(place, end, name, "the other package");
        }
        swap(&dir.join(first), &dir.join(second));
    }
    // Two good packages of the same name and version, in each other's feed.
    for pair in feeds.chunks(2) {
        let end = pair[0].2;
        let [(a, name), (b, other)] = [&pair[0], &pair[1]].map(|(dir, ..)| {
            let mut all = names(dir).into_iter();
            let name = all.find(|name| name.starts_with("greeter") && name.ends_with(end));
            let name = name.unwrap();
            (dir.join(&name), name)
        });
        swap(&a, &b);
        chain.refused(&pair[0].1, end, &name, "for another architecture");
        chain.refused(&pair[1].1, end, &other, "for another architecture");
        swap(&a, &b);
    }
    for (_, place, end) in &feeds {
        chain.verify(place, end).unwrap();
    }
}

fn swap(a: &Path, b: &Path) {
    let [first, second] = [a, b].map(|path| std::fs::read(path).unwrap());
    std::fs::write(a, second).unwrap();
    std::fs::write(b, first).unwrap();
}

/// Other people's programs say the same of the signatures and the checksums.
fn others_verify(feeds: &[(PathBuf, String, &str)]) {
    let checks = |dir: &Path, good: bool, program: &str, args: &[&str]| {
        let output = Command::new(program)
            .args(args)
            .current_dir(dir)
            .output()
            .unwrap();
        assert_eq!(
            output.status.success(),
            good,
            "{program} {args:?}: {output:?}"
        );
    };
    for (dir, _, end) in feeds {
        let sums = ["--check", "--strict", "--quiet", "sha256sums"];
        checks(dir, true, "sha256sum", &sums);
        let [signed, signature] = match *end {
            "ipk" => ["Packages", "Packages.sig"],
            _ => ["sha256sums", "sha256sums.sig"],
        };
        let signify = ["-V", "-p", "key-build.pub", "-x", signature, "-m", signed];
        let openssl = ["dgst", "-sha512", "-verify", "public-key.pem"];
        let openssl = [&openssl[..], &["-signature", signature, signed]].concat();
        let (name, args) = match *end {
            "ipk" => ("signify-openbsd", &signify[..]),
            _ => ("openssl", &openssl[..]),
        };
        if !program(name) {
            continue;
        }
        checks(dir, true, name, args);
        let good = std::fs::read(dir.join(signed)).unwrap();
        std::fs::write(dir.join(signed), &good[..good.len() - 1]).unwrap();
        checks(dir, false, name, args);
        std::fs::write(dir.join(signed), good).unwrap();
    }
}
