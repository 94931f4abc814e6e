//! Where the daemon is: DOCKER_HOST, then DOCKER_CONTEXT, then the context that
//! the client's configuration names, as the client itself decides it.

use std::path::PathBuf;

use anyhow::{Context, Result};

use super::{Engine, Kind};

/// The daemon's address; `None` for the client's default, which is local.
pub(super) fn endpoint(engine: &Engine) -> Result<Option<String>> {
    if engine.kind == Kind::Podman {
        return Ok(set("CONTAINER_HOST"));
    }
    if let Some(host) = set("DOCKER_HOST") {
        return Ok(Some(host));
    }
    let Some(context) = set("DOCKER_CONTEXT")
        .or_else(current_context)
        .filter(|name| name != "default")
    else {
        return Ok(None);
    };
    let host = engine
        .read(&[
            "context",
            "inspect",
            &context,
            "--format",
            "{{.Endpoints.docker.Host}}",
        ])
        .with_context(|| format!("look at docker's context {context:?}"))?;
    Ok(Some(host.trim().to_owned()).filter(|host| !host.is_empty()))
}

/// A socket of this machine.
pub(super) fn is_local(host: &str) -> bool {
    host.starts_with("unix://") || host.starts_with("npipe://") || host.starts_with('/')
}

fn set(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Where the client's configuration is.
pub(super) fn config_dir() -> Option<PathBuf> {
    set("DOCKER_CONFIG")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(set("HOME")?).join(".docker")))
}

/// `currentContext` of `$DOCKER_CONFIG/config.json`.
fn current_context() -> Option<String> {
    let text = std::fs::read(config_dir()?.join("config.json")).ok()?;
    let config: serde_json::Value = serde_json::from_slice(&text).ok()?;
    let name = config.get("currentContext")?.as_str()?;
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::is_local;

    #[test]
    fn sockets_are_local() {
        assert!(is_local("unix:///var/run/docker.sock"));
        for host in [
            "tcp://10.0.0.2:2375",
            "ssh://me@host",
            "tcp://127.0.0.1:2375",
        ] {
            assert!(!is_local(host), "{host}");
        }
    }
}
