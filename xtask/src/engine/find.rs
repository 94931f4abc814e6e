//! Which client serves. A machine can hold several `docker`s, and one without
//! its buildx plugin cannot build: each is asked, and the first that can is
//! taken.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use super::{Engine, Kind};
use crate::util::process;

/// How a client builds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Builder {
    /// BuildKit inside the daemon, asked for by DOCKER_BUILDKIT=1.
    BuiltIn,
    /// Docker's buildx plugin.
    Buildx,
    /// Podman's own.
    Buildah,
}

/// The first client of that name on PATH.
pub(super) fn first(kind: Kind) -> Result<Engine> {
    match programs(kind).into_iter().next() {
        Some(program) => Ok(Engine {
            kind,
            program,
            builder: None,
            why: None,
        }),
        None => bail!("{}", none(kind)),
    }
}

/// Every client of that name on PATH, each file once.
fn programs(kind: Kind) -> Vec<PathBuf> {
    let mut known: Vec<PathBuf> = Vec::new();
    let mut found = Vec::new();
    for program in process::find_programs(kind.name()) {
        let file = program.canonicalize().unwrap_or_else(|_| program.clone());
        if !known.contains(&file) {
            known.push(file);
            found.push(program);
        }
    }
    found
}

fn none(kind: Kind) -> String {
    match kind {
        Kind::Docker => {
            let podman = if process::find_program("podman").is_some() {
                "; Podman is there: --engine podman"
            } else {
                ""
            };
            format!(
                "docker is not on PATH: install Docker Engine (Debian: apt-get install docker.io){podman}"
            )
        }
        Kind::Podman => {
            "podman is not on PATH: install it (Debian: apt-get install podman)".to_owned()
        }
    }
}

pub(super) fn for_builds(engine: &Engine) -> Result<Engine> {
    if engine.kind == Kind::Podman {
        return Ok(Engine {
            builder: Some(Builder::Buildah),
            ..engine.clone()
        });
    }
    let mut passed_over = Vec::new();
    for program in programs(Kind::Docker) {
        match builder(&program) {
            Ok((version, builder)) => {
                let why = (!passed_over.is_empty()).then(|| {
                    let how = match builder {
                        Builder::Buildx => "has the buildx plugin",
                        _ => "has BuildKit built in",
                    };
                    format!(
                        "{} {version} is used, which {how}: {}",
                        program.display(),
                        passed_over.join("; ")
                    )
                });
                return Ok(Engine {
                    kind: Kind::Docker,
                    program,
                    builder: Some(builder),
                    why,
                });
            }
            Err(lack) => passed_over.push(format!("{} {lack}", program.display())),
        }
    }
    if passed_over.is_empty() {
        bail!("{}", none(Kind::Docker));
    }
    bail!(
        "no docker on PATH can build with BuildKit: {}\n\
         Install the buildx plugin (Debian: docker-buildx-plugin or docker-buildx), or Debian's docker.io 20.10, which needs none",
        passed_over.join("; ")
    )
}

/// The client's version and how it builds, or what it lacks.
fn builder(program: &Path) -> Result<(String, Builder), String> {
    let said = duct::cmd!(program, "--version")
        .stdin_null()
        .stderr_null()
        .read()
        .map_err(|error| format!("does not run ({error})"))?;
    let Some((version, [major, minor])) = parse_version(&said) else {
        return Err(match said.split_whitespace().any(|word| word == "podman") {
            true => "is Podman's (--engine podman uses it)".to_owned(),
            false => format!("says no version but {said:?}"),
        });
    };
    match (major, minor) {
        (..18, _) | (18, ..9) => Err(format!(
            "{version} is older than BuildKit (18.09 is the first with it)"
        )),
        (..23, _) => Ok((version, Builder::BuiltIn)),
        _ => {
            let works = duct::cmd!(program, "buildx", "version")
                .stdin_null()
                .stdout_null()
                .stderr_null()
                .run()
                .is_ok();
            match works {
                true => Ok((version, Builder::Buildx)),
                false => Err(format!("{version} has no working buildx plugin")),
            }
        }
    }
}

/// `Docker version 20.10.24+dfsg1, build 297e128`
fn parse_version(said: &str) -> Option<(String, [u32; 2])> {
    let version = said
        .strip_prefix("Docker version ")?
        .split([',', ' '])
        .next()?;
    let mut parts = version.split(['.', '-', '+']).map(str::parse::<u32>);
    let (major, minor) = (parts.next()?.ok()?, parts.next()?.ok()?);
    Some((version.to_owned(), [major, minor]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::util::fs::write_program;

    /// A program that says `version`, with or without a buildx plugin.
    fn client(version: &str, buildx: bool) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let exit = i32::from(!buildx);
        let script =
            format!("#!/bin/sh\n[ \"$1\" = buildx ] && exit {exit}\necho '{version}, build x'\n");
        write_program(&dir.path().join("docker"), &script);
        dir
    }

    #[test]
    fn who_can_build() {
        for (version, buildx, expected) in [
            ("Docker version 20.10.24+dfsg1", false, Ok(Builder::BuiltIn)),
            ("Docker version 28.2.2", true, Ok(Builder::Buildx)),
            (
                "Docker version 28.2.2",
                false,
                Err("28.2.2 has no working buildx plugin"),
            ),
            (
                "Docker version 17.05.0-ce",
                true,
                Err("17.05.0-ce is older than BuildKit (18.09 is the first with it)"),
            ),
            (
                "podman version 4.3.1",
                true,
                Err("is Podman's (--engine podman uses it)"),
            ),
        ] {
            let dir = client(version, buildx);
            let found = builder(&dir.path().join("docker"));
            assert_eq!(
                found.map(|(_, builder)| builder),
                expected.map_err(str::to_owned),
                "{version}"
            );
        }
    }

    #[test]
    fn versions() {
        let parse = |text| parse_version(text).map(|(_, numbers)| numbers);
        assert_eq!(
            parse("Docker version 20.10.24+dfsg1, build 297e128"),
            Some([20, 10])
        );
        assert_eq!(parse("Docker version 18.09.1, build 1"), Some([18, 9]));
        assert_eq!(parse("podman version 4.3.1"), None);
    }
}
