//! A container that is ready to start: its mounts, volumes, variables and files.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::plan::{LABEL, Plan, SOURCE, TREE};
use super::send::{self, Parcel};
use crate::engine::{Engine, Image, ca};
use crate::util::fs;
use crate::util::ui::Ui;

/// How long a container may take to go.
const PATIENCE: Duration = Duration::from_secs(20);

/// What runs in the container.
const SCRIPT: &str = include_str!("build.sh");

/// Variables of the caller that the container gets as they are.
const PASSED: [&str; 8] = [
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "CARGO_NET_",
    "CARGO_HTTP_",
    "CARGO_REGISTR",
    "CARGO_SOURCE_",
];

/// What it is made of.
pub struct Prepare<'a> {
    /// Where notes go.
    pub ui: &'a Ui,
    /// The engine.
    pub engine: &'a Engine,
    /// Nothing of this machine can be mounted.
    pub is_remote: bool,
    /// Certificates of a company's network.
    pub ca: Option<&'a Path>,
    /// What is built.
    pub plan: &'a Plan,
    /// What it begins as.
    pub image: &'a Image,
    /// Its name.
    pub container: &'a str,
}

impl Prepare<'_> {
    /// Makes the container and fills it. The plan's lock is held meanwhile.
    ///
    /// # Errors
    /// The engine cannot; the source cannot be read.
    pub fn run(&self) -> Result<()> {
        let plan = self.plan;
        let run = format!("{LABEL}run={}", plan.run());
        self.remove_left(&run)?;
        for volume in &plan.volumes {
            let label = (format!("{LABEL}volume"), volume.keeps.to_owned());
            self.engine.ensure_volume(&volume.name, &[label])?;
        }
        let sent = self.why_not_mounted()?;
        if let Some(why) = sent.iter().flatten().next() {
            self.ui.note(why);
        }
        self.engine
            .read(&self.arguments(&run, sent.is_some()))
            .context("make a container")?;

        let user = self.image.config.as_ref();
        let user = user.map_or("", |config| &config.user);
        let mut parcel = Parcel::new(plan, self.engine.user(self.container, user)?)?;
        if sent.is_some() {
            parcel.source(plan)?;
        }
        if let Some(bundle) = self.ca.filter(|bundle| !self.is_mounted(bundle)) {
            parcel.certificates(bundle)?;
        }
        self.engine
            .copy_in(self.container, parcel.finish()?)
            .context("fill the container")
    }

    /// What `create` is told.
    fn arguments(&self, run: &str, is_sent: bool) -> Vec<String> {
        let plan = self.plan;
        let mut args: Vec<String> = ["create", "--name", self.container, "--label", run]
            .map(str::to_owned)
            .into();
        let mut say = |flag: &str, value: String| args.extend([flag.to_owned(), value]);
        say("--workdir", TREE.to_owned());
        if !is_sent {
            say("--volume", mount(&plan.root, SOURCE));
        }
        if let Some(bundle) = self.ca {
            if self.is_mounted(bundle) {
                say("--volume", mount(bundle, ca::INSIDE));
            }
            for name in ca::VARIABLES {
                say("--env", format!("{name}={}", ca::INSIDE));
            }
        }
        for volume in &plan.volumes {
            say("--volume", format!("{}:{}", volume.name, volume.at));
        }
        for (name, value) in &plan.environment {
            say("--env", format!("{name}={value}"));
        }
        // Their values are not on the command line, where others could read them.
        let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
        for name in passed(names) {
            say("--env", name);
        }
        say("--entrypoint", "/bin/bash".to_owned());
        args.extend([&self.image.id, "-c", SCRIPT].map(str::to_owned));
        args
    }

    fn is_mounted(&self, bundle: &Path) -> bool {
        !self.is_remote && is_plain(bundle) && is_public(bundle)
    }

    /// Removes containers that killed runs left: the lock says that whoever
    /// made them is dead. One may be on its way out, as its guard removes it too.
    fn remove_left(&self, run: &str) -> Result<()> {
        let started = Instant::now();
        let mut left = self.engine.containers(run)?;
        if !left.is_empty() {
            self.ui
                .note("removing the container of a run that was killed");
        }
        while !left.is_empty() {
            let mut args = vec!["rm", "--force", "--volumes"];
            args.extend(left.iter().map(String::as_str));
            let removed = self.engine.read(&args);
            left = self.engine.containers(run)?;
            if started.elapsed() > PATIENCE {
                removed.context("remove the container of a run that was killed")?;
            }
            if !left.is_empty() {
                std::thread::sleep(Duration::from_millis(100));
            }
        }
        Ok(())
    }

    /// None where the source is mounted; else, where that needs to be told, why
    /// it is sent.
    fn why_not_mounted(&self) -> Result<Option<Option<String>>> {
        if self.is_remote {
            return Ok(Some(None));
        }
        if !is_plain(&self.plan.root) {
            let why = "the source is copied into the container: its path has a `:`, which no mount can have";
            return Ok(Some(Some(why.to_owned())));
        }
        Ok(send::unreadable(self.plan)?.map(|path| {
            Some(format!(
                "the source is copied into the container: its user could not read {} in a mount",
                fs::shown(&path).display()
            ))
        }))
    }
}

fn mount(from: &Path, to: &str) -> String {
    format!("{}:{to}:ro", from.display())
}

/// A path that `--volume` can say.
fn is_plain(path: &Path) -> bool {
    path.to_str().is_some_and(|path| !path.contains(':'))
}

/// Everybody may read it.
fn is_public(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(file).is_ok_and(|found| found.permissions().mode() & 0o004 != 0)
}

/// Those of the caller's variables that the container gets.
fn passed(names: impl Iterator<Item = String>) -> Vec<String> {
    let is_passed = |name: &String| {
        let lower = name.to_ascii_lowercase();
        // The certificates have another path there.
        name != "CARGO_HTTP_CAINFO"
            && PASSED
                .iter()
                .any(|wanted| match wanted.ends_with("_proxy") {
                    true => lower == *wanted,
                    false => name.starts_with(wanted),
                })
    };
    let mut names: Vec<String> = names.filter(is_passed).collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_container_gets_the_way_to_the_network() {
        let names = [
            "HTTPS_PROXY",
            "no_proxy",
            "CARGO_NET_OFFLINE",
            "CARGO_REGISTRIES_X_INDEX",
            "CARGO_HTTP_CAINFO",
            "PATH",
            "CARGO_HOME",
            "http_proxy_x",
        ];
        assert_eq!(
            passed(names.into_iter().map(str::to_owned)),
            [
                "CARGO_NET_OFFLINE",
                "CARGO_REGISTRIES_X_INDEX",
                "HTTPS_PROXY",
                "no_proxy"
            ]
        );
    }

    #[test]
    fn paths_that_cannot_be_mounted() {
        assert!(is_plain(Path::new("/a b/c,d")));
        assert!(!is_plain(Path::new("/a:b")));
        assert_eq!(mount(Path::new("/a b"), "/c"), "/a b:/c:ro");
    }
}
