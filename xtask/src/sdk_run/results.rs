//! What a container leaves: read from a stream, so that whoever called writes
//! the files and owns them.

use std::io::Read;

use anyhow::{Context as _, Result};

/// The folder that a container filled.
#[derive(Debug, Default)]
pub struct Results {
    /// The package's bytes.
    pub package: Option<Vec<u8>>,
    /// Stamps when the build began.
    pub before: Option<String>,
    /// Stamps when make had ended.
    pub after: Option<String>,
}

impl Results {
    /// Reads the archive of the folder; the package is the file `name`.
    ///
    /// # Errors
    /// A broken archive.
    pub fn read(archive: &[u8], name: &str) -> Result<Self> {
        let mut results = Self::default();
        let mut archive = tar::Archive::new(archive);
        for entry in archive.entries().context("read what the container left")? {
            let mut entry = entry.context("read what the container left")?;
            if !entry.header().entry_type().is_file() {
                continue;
            }
            let path = entry
                .path()
                .context("read what the container left")?
                .into_owned();
            // Below the folder's own name.
            let path: std::path::PathBuf = path.components().skip(1).collect();
            let mut content = Vec::new();
            let mut take = |text: bool| -> Result<Vec<u8>> {
                let what = if text { "stamps" } else { "the package" };
                entry
                    .read_to_end(&mut content)
                    .with_context(|| format!("read {what}"))?;
                Ok(std::mem::take(&mut content))
            };
            let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
            match path.to_str() {
                Some("stamps.before") => results.before = Some(text(take(true)?)),
                Some("stamps.after") => results.after = Some(text(take(true)?)),
                Some(path) if path.strip_prefix("packages/") == Some(name) => {
                    results.package = Some(take(false)?);
                }
                _ => {}
            }
        }
        Ok(results)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_expected_is_taken() {
        let mut archive = tar::Builder::new(Vec::new());
        for (name, content) in [
            ("artifacts/stamps.before", "b"),
            ("artifacts/stamps.after", "a"),
            ("artifacts/packages/x.ipk", "package"),
            ("artifacts/packages/y.ipk", "another"),
            ("artifacts/build.log", "log"),
        ] {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            archive
                .append_data(&mut header, name, content.as_bytes())
                .unwrap();
        }
        let bytes = archive.into_inner().unwrap();
        let results = Results::read(&bytes, "x.ipk").unwrap();
        assert_eq!(results.package.as_deref(), Some(&b"package"[..]));
        assert_eq!(results.before.as_deref(), Some("b"));
        assert_eq!(results.after.as_deref(), Some("a"));
        assert!(Results::read(&bytes, "z.ipk").unwrap().package.is_none());
        assert!(Results::read(&bytes[..700], "x.ipk").is_err());
    }
}
