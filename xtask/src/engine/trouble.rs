//! What an engine's complaint means, and what mends it.

use anyhow::{Error, anyhow};

use super::{Engine, Kind, remote};

/// The error for a command that failed and `said` this.
pub fn explain(engine: &Engine, command: &str, said: &str) -> Error {
    let name = engine.kind.name();
    let said = said.trim();
    let last = said
        .lines()
        .rfind(|line| !line.trim().is_empty())
        .unwrap_or("nothing");
    let lower = said.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if has(&["permission denied"]) && has(&["connect", "socket"]) {
        return anyhow!(
            "{name} may not talk to its daemon: no permission on the socket\n  {last}\n\
             Become a member of its group (sudo usermod -aG docker $USER, then log in again), or run a rootless daemon"
        );
    }
    if has(&[
        "cannot connect to the docker daemon",
        "is the docker daemon running",
        "error during connect",
        "unable to connect to podman",
    ]) {
        // A context that cannot be read has already been complained about.
        let host = remote::endpoint(engine).ok().flatten();
        return match host.filter(|host| !remote::is_local(host)) {
            Some(host) => anyhow!(
                "no daemon answers at {host}\n  {last}\n\
                 Is it up, and can this machine reach it? DOCKER_HOST, DOCKER_CONTEXT and `docker context ls` decide where it is looked for"
            ),
            None => anyhow!(
                "{name}'s daemon is not running\n  {last}\n{}",
                start(engine.kind)
            ),
        };
    }
    if has(&["is too new", "is too old"]) && has(&["api version", "client version"]) {
        return anyhow!(
            "{} and its daemon do not understand each other\n  {last}\n\
             Set DOCKER_API_VERSION to what the daemon speaks, or put another docker first on PATH",
            engine.program.display()
        );
    }
    let shown: Vec<String> = said.lines().map(|line| format!("  {line}")).collect();
    // Which one: several can be on PATH.
    let program = engine.program.display();
    anyhow!("{program} {command} failed:\n{}", shown.join("\n"))
}

fn start(kind: Kind) -> &'static str {
    match kind {
        Kind::Docker => {
            "Start it (sudo systemctl start docker), or point DOCKER_HOST at one that runs"
        }
        Kind::Podman => "Start it (systemctl --user start podman.socket)",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_have_a_way_out() {
        let engine = Engine {
            kind: Kind::Docker,
            program: "/usr/bin/docker".into(),
            builder: None,
            why: None,
        };
        let text = |said: &str| explain(&engine, "image inspect", said).to_string();
        let refused = text(
            "Got permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: Get \"http://x\": dial unix /var/run/docker.sock: connect: permission denied",
        );
        assert!(
            refused.starts_with("docker may not talk to its daemon"),
            "{refused}"
        );
        assert!(refused.contains("usermod -aG docker"), "{refused}");
        let other = text("Error response from daemon: no space left on device");
        assert_eq!(
            other,
            "/usr/bin/docker image inspect failed:\n  Error response from daemon: no space left on device"
        );
        assert!(
            text("Error response from daemon: client version 1.50 is too new. Maximum supported API version is 1.41")
                .contains("DOCKER_API_VERSION")
        );
    }
}
