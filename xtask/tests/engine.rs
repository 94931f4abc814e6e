//! What people read when the container engine cannot serve: each message with
//! a way out. The engines are stand-ins that say what the real ones do.

mod support;

use std::path::Path;

/// A `docker` that begins with these lines of shell.
fn docker(dir: &Path, script: &str) {
    support::program(&dir.join("docker"), &format!("#!/bin/sh\n{script}\n"));
}

/// What `xtask image aarch64` says when PATH is these folders.
fn says(dirs: &[&Path], variables: &[(&str, &str)]) -> String {
    let cache = tempfile::tempdir().unwrap();
    let path = std::env::join_paths(dirs).unwrap();
    let mut command = support::xtask();
    command
        .args(["image", "aarch64"])
        .env("PATH", path)
        .env("XTASK_CACHE_DIR", cache.path())
        .env_remove("SSL_CERT_FILE");
    for name in ["DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG"] {
        command.env_remove(name);
    }
    command.env("DOCKER_CONFIG", cache.path());
    command.envs(variables.iter().copied());
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stderr).unwrap()
}

const DAEMON: &str = "echo 'Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?' >&2; exit 1";
const NO_IMAGES: &str = "case $1 in image) echo '[]'; echo 'Error: No such image: x' >&2; exit 1 ;; images) exit 0 ;; esac";

#[test]
fn no_engine() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(
        says(&[dir.path()], &[]),
        "error: docker is not on PATH: install Docker Engine (Debian: apt-get install docker.io)\n"
    );
    docker(dir.path(), "");
    std::fs::rename(dir.path().join("docker"), dir.path().join("podman")).unwrap();
    let said = says(&[dir.path()], &[]);
    assert!(
        said.ends_with("; Podman is there: --engine podman\n"),
        "{said}"
    );
}

#[test]
fn no_daemon() {
    let dir = tempfile::tempdir().unwrap();
    docker(dir.path(), DAEMON);
    let said = says(&[dir.path()], &[]);
    assert!(
        said.starts_with("error: docker's daemon is not running\n")
            && said
                .ends_with("sudo systemctl start docker), or point DOCKER_HOST at one that runs\n"),
        "{said}"
    );
    let said = says(&[dir.path()], &[("DOCKER_HOST", "tcp://far:2375")]);
    assert!(
        said.starts_with("error: no daemon answers at tcp://far:2375\n"),
        "{said}"
    );
    // The context that is current, as the client's settings have it.
    let settings = tempfile::tempdir().unwrap();
    std::fs::write(
        settings.path().join("config.json"),
        "{\"currentContext\":\"far\"}",
    )
    .unwrap();
    docker(
        dir.path(),
        &format!("[ \"$1 $3\" = 'context far' ] && echo ssh://me@far && exit\n{DAEMON}"),
    );
    let config = settings.path().to_str().unwrap();
    let said = says(&[dir.path()], &[("DOCKER_CONFIG", config)]);
    assert!(
        said.starts_with("error: no daemon answers at ssh://me@far\n"),
        "{said}"
    );
}

#[test]
fn no_permission() {
    let dir = tempfile::tempdir().unwrap();
    docker(
        dir.path(),
        "echo 'permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock' >&2; exit 1",
    );
    let said = says(&[dir.path()], &[]);
    assert!(
        said.starts_with("error: docker may not talk to its daemon: no permission on the socket\n")
            && said.contains("sudo usermod -aG docker $USER"),
        "{said}"
    );
}

#[test]
fn no_buildkit() {
    let (old, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    docker(
        old.path(),
        &format!("{NO_IMAGES}\necho 'Docker version 17.12.1-ce, build x'"),
    );
    docker(
        new.path(),
        &format!(
            "{NO_IMAGES}\n[ \"$1\" = buildx ] && exit 1\necho 'Docker version 28.2.2, build x'"
        ),
    );
    let said = says(&[new.path(), old.path()], &[]);
    let expected = format!(
        "error: no docker on PATH can build with BuildKit: {}/docker 28.2.2 has no working buildx plugin; \
         {}/docker 17.12.1-ce is older than BuildKit (18.09 is the first with it)\n\
         Install the buildx plugin",
        new.path().display(),
        old.path().display()
    );
    assert!(said.contains(&expected), "{said}");
    // One behind it can.
    let builtin = tempfile::tempdir().unwrap();
    docker(
        builtin.path(),
        "case $1 in --version) echo 'Docker version 20.10.24, build x' ;; *) echo 'no build today' >&2; exit 1 ;; esac",
    );
    let said = says(&[new.path(), builtin.path()], &[]);
    let expected = format!(
        "Note {}/docker 20.10.24 is used, which has BuildKit built in: {}/docker 28.2.2 has no working buildx plugin",
        builtin.path().display(),
        new.path().display()
    );
    assert!(said.contains(&expected), "{said}");
    assert!(said.contains("no build today"), "{said}");
}
