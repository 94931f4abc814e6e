//! The proxies of a client's configuration get into every container that it
//! makes, with their passwords. A container that becomes an image must have none.

use std::os::unix::fs::symlink;
use std::path::Path;

use anyhow::{Context, Result};

use super::{Engine, Kind, remote};
use crate::util::fs;

impl Engine {
    /// Makes a container that has no environment but its image's.
    ///
    /// # Errors
    /// The engine cannot.
    pub fn create_without_proxies(&self, name: &str, image: &str) -> Result<()> {
        if self.kind == Kind::Podman {
            let args = ["create", "--http-proxy=false", "--name", name, image];
            return self.read(&args).map(drop);
        }
        let mut command = self.command(&["create", "--name", name, image]);
        let dir = match remote::config_dir() {
            Some(dir) => without_proxies(&dir)?,
            None => None,
        };
        if let Some(dir) = &dir {
            command = command.env("DOCKER_CONFIG", dir.path());
        }
        self.run(command, "create").map(drop)
    }
}

/// A configuration that is the one in `dir` but for its proxies; `None` when it
/// has none. (`--env NAME=` would put a variable into the image, too.)
fn without_proxies(dir: &Path) -> Result<Option<tempfile::TempDir>> {
    // The client itself complains about a file that is broken.
    let config = std::fs::read(dir.join("config.json")).unwrap_or_default();
    let Ok(mut config) = serde_json::from_slice::<serde_json::Value>(&config) else {
        return Ok(None);
    };
    let Some(settings) = config.as_object_mut() else {
        return Ok(None);
    };
    if settings.remove("proxies").is_none() {
        return Ok(None);
    }
    // Nothing is pulled.
    settings.remove("auths");
    let context = "make a configuration for docker";
    let new = tempfile::tempdir().context(context)?;
    let json = serde_json::to_vec(&config).context(context)?;
    fs::write_atomic(&new.path().join("config.json"), &json, 0o600)?;
    // Contexts, certificates, plugins.
    for entry in std::fs::read_dir(dir).context(context)? {
        let entry = entry.context(context)?;
        if entry.file_name() != "config.json" {
            let target = std::path::absolute(entry.path()).context(context)?;
            symlink(target, new.path().join(entry.file_name())).context(context)?;
        }
    }
    Ok(Some(new))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_but_the_proxies_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        assert!(without_proxies(dir.path()).unwrap().is_none());
        let file = dir.path().join("config.json");
        std::fs::write(&file, r#"{"currentContext":"x"}"#).unwrap();
        assert!(without_proxies(dir.path()).unwrap().is_none());
        let text = r#"{"currentContext":"x","auths":{"r":{}},"proxies":{"default":{}}}"#;
        std::fs::write(&file, text).unwrap();
        std::fs::create_dir(dir.path().join("contexts")).unwrap();
        std::fs::write(dir.path().join("contexts/x"), "y").unwrap();
        let new = without_proxies(dir.path()).unwrap().unwrap();
        let read = |name: &str| std::fs::read_to_string(new.path().join(name)).unwrap();
        assert_eq!(read("config.json"), r#"{"currentContext":"x"}"#);
        assert_eq!(read("contexts/x"), "y");
    }
}
