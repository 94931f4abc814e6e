//! Where keys are: a file that is named, a variable of the environment (CI), or
//! the user's own folder. Never the tree: what is committed is public.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use super::{ec, usign};
use crate::util::fs;

/// Names that OpenWrt's build system gives these files.
pub const USIGN_SECRET: &str = "key-build";
/// Goes to a router's `/etc/opkg/keys/<id>`.
pub const USIGN_PUBLIC: &str = "key-build.pub";
/// The apk key.
pub const EC_SECRET: &str = "private-key.pem";
/// Goes to a router's `/etc/apk/keys/`.
pub const EC_PUBLIC: &str = "public-key.pem";
/// The text of a usign secret key.
pub const USIGN_VARIABLE: &str = "XTASK_USIGN_KEY";
/// The text of an EC secret key in PEM.
pub const EC_VARIABLE: &str = "XTASK_APK_KEY";

/// A kind of key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// opkg's.
    Usign,
    /// apk's.
    Ec,
}

/// A secret key of either kind.
#[derive(Debug)]
pub enum Secret {
    /// opkg's.
    Usign(usign::Secret),
    /// apk's.
    Ec(ec::Secret),
}

/// A public key of either kind.
#[derive(Clone, Debug)]
pub enum Public {
    /// opkg's.
    Usign(usign::Public),
    /// apk's.
    Ec(ec::Public),
}

impl Kind {
    /// File names of the secret and the public half.
    pub fn files(self) -> (&'static str, &'static str) {
        match self {
            Self::Usign => (USIGN_SECRET, USIGN_PUBLIC),
            Self::Ec => (EC_SECRET, EC_PUBLIC),
        }
    }

    /// The variable that may hold the secret key's text.
    pub fn variable(self) -> &'static str {
        match self {
            Self::Usign => USIGN_VARIABLE,
            Self::Ec => EC_VARIABLE,
        }
    }

    fn secret(self, text: &str) -> Result<Secret> {
        Ok(match self {
            Self::Usign => Secret::Usign(usign::Secret::from_text(text)?),
            Self::Ec => Secret::Ec(ec::Secret::from_pem(text)?),
        })
    }

    /// Reads a public key.
    ///
    /// # Errors
    /// Text that is none of this kind.
    pub fn public(self, text: &str) -> Result<Public> {
        Ok(match self {
            Self::Usign => Public::Usign(usign::Public::from_text(text)?),
            Self::Ec => Public::Ec(ec::Public::from_pem(text)?),
        })
    }
}

impl Secret {
    /// A new key.
    ///
    /// # Errors
    /// A system without randomness.
    pub fn generate(kind: Kind) -> Result<Self> {
        Ok(match kind {
            Kind::Usign => Self::Usign(usign::Secret::generate()?),
            Kind::Ec => Self::Ec(ec::Secret::generate()?),
        })
    }

    /// The secret key file's text.
    ///
    /// # Errors
    /// None for a key.
    pub fn to_text(&self) -> Result<String> {
        match self {
            Self::Usign(key) => Ok(key.to_text()),
            Self::Ec(key) => key.to_pem(),
        }
    }

    /// The public half.
    pub fn public(&self) -> Public {
        match self {
            Self::Usign(key) => Public::Usign(key.public()),
            Self::Ec(key) => Public::Ec(key.public()),
        }
    }

    /// A detached signature over a file: usign's text, or ECDSA in DER over
    /// SHA-512 (`openssl dgst -sha512 -verify`).
    ///
    /// # Errors
    /// None for a key.
    pub fn sign_file(&self, content: &[u8]) -> Result<Vec<u8>> {
        match self {
            Self::Usign(key) => Ok(key.sign(content).into_bytes()),
            Self::Ec(key) => key.sign(content),
        }
    }
}

impl Public {
    /// The public key file's text.
    ///
    /// # Errors
    /// None for a key.
    pub fn to_text(&self) -> Result<String> {
        match self {
            Self::Usign(key) => Ok(key.to_text()),
            Self::Ec(key) => key.to_pem(),
        }
    }

    /// The name by which signatures call it.
    pub fn id(&self) -> String {
        match self {
            Self::Usign(key) => usign::shown(&key.id),
            Self::Ec(key) => crate::fingerprint::hex(&key.id()),
        }
    }

    /// Checks a detached signature.
    ///
    /// # Errors
    /// Another key's, another file's, none at all.
    pub fn verify_file(&self, content: &[u8], signature: &[u8]) -> Result<()> {
        match self {
            Self::Usign(key) => {
                let text = std::str::from_utf8(signature);
                key.verify(content, text.ok().context("it is no signature of usign")?)
            }
            Self::Ec(key) => {
                ensure!(
                    key.verifies(content, signature),
                    "it is not the signature of this content with this key"
                );
                Ok(())
            }
        }
    }
}

/// The user's own folder for keys.
///
/// # Errors
/// A user without a home.
pub fn home() -> Result<PathBuf> {
    let named = |name| std::env::var_os(name).filter(|dir| !dir.is_empty());
    let config = match (named("XDG_CONFIG_HOME"), named("HOME")) {
        (Some(config), _) => PathBuf::from(config),
        (None, Some(home)) => PathBuf::from(home).join(".config"),
        (None, None) => {
            bail!("neither XDG_CONFIG_HOME nor HOME says where keys are; name a folder with --dir")
        }
    };
    Ok(config.join("xtask/keys"))
}

/// Where a secret key was found, and what is to be said of it.
#[derive(Debug)]
pub struct Found {
    /// The key.
    pub key: Secret,
    /// Its file or variable.
    pub place: String,
    /// Others may read its file.
    pub is_open: bool,
    /// The git checkout that its file is in.
    pub checkout: Option<PathBuf>,
}

impl Found {
    /// What its owner has to be told of it.
    pub fn warnings(&self) -> Vec<String> {
        let place = &self.place;
        let open = self
            .is_open
            .then(|| format!("others may read the secret key {place}: chmod 600 {place}"));
        let checkout = self.checkout.as_ref().map(|checkout| {
            format!(
                "the secret key {place} is in the git checkout {}, one `git add` from being published: move it elsewhere",
                checkout.display()
            )
        });
        open.into_iter().chain(checkout).collect()
    }
}

/// The key in `file`, else in the environment, else in the user's folder;
/// `None` where there is none.
///
/// # Errors
/// A key that cannot be read: its place is named, its text never quoted.
pub fn find(kind: Kind, file: Option<&Path>) -> Result<Option<Found>> {
    let variable = kind.variable();
    let from_environment = std::env::var(variable).ok().filter(|text| !text.is_empty());
    if let (None, Some(text)) = (file, from_environment) {
        let key = kind.secret(&text).with_context(|| format!("${variable}"))?;
        let place = format!("${variable}");
        return Ok(Some(Found {
            key,
            place,
            is_open: false,
            checkout: None,
        }));
    }
    let path = match file {
        Some(file) => file.to_owned(),
        None => match home() {
            Ok(home) => home.join(kind.files().0),
            Err(_) => return Ok(None),
        },
    };
    if file.is_none() && !path.exists() {
        return Ok(None);
    }
    let place = path.display().to_string();
    let text = fs::read_text(&path)?;
    let key = kind.secret(&text).with_context(|| place.clone())?;
    let mode = std::fs::metadata(&path).map(|found| found.permissions().mode());
    Ok(Some(Found {
        key,
        place,
        is_open: mode.is_ok_and(|mode| mode & 0o077 != 0),
        checkout: checkout(&path)?,
    }))
}

/// Refuses a folder in a git checkout: a secret key there is one `git add`
/// from being published.
///
/// # Errors
/// Such a folder.
pub fn refuse_checkout(dir: &Path) -> Result<()> {
    if let Some(checkout) = checkout(dir)? {
        let shown = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
        bail!(
            "{} is in the git checkout {}: secret keys belong elsewhere ({} without --dir)",
            shown.display(),
            checkout.display(),
            home().map_or("the user's folder".to_owned(), |home| home
                .display()
                .to_string())
        );
    }
    Ok(())
}

/// The git checkout that a path is in, itself or by a link.
fn checkout(path: &Path) -> Result<Option<PathBuf>> {
    let dir = std::path::absolute(path).with_context(|| format!("find {}", path.display()))?;
    // A link would lead there as well.
    let real = dir.ancestors().find_map(|above| {
        let rest = dir.strip_prefix(above).ok()?;
        Some(above.canonicalize().ok()?.join(rest))
    });
    let found = [Some(dir), real].into_iter().flatten().find_map(|path| {
        let mut above = path.ancestors();
        above
            .find(|above| above.join(".git").exists())
            .map(Path::to_owned)
    });
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_by_name_and_kept_out_of_checkouts() {
        let dir = tempfile::tempdir().unwrap();
        for kind in [Kind::Usign, Kind::Ec] {
            let key = Secret::generate(kind).unwrap();
            let path = dir.path().join(kind.files().0);
            fs::write_atomic(&path, key.to_text().unwrap().as_bytes(), 0o600).unwrap();
            let found = find(kind, Some(&path)).unwrap().unwrap();
            assert!(!found.is_open);
            let signature = found.key.sign_file(b"x").unwrap();
            let public = kind.public(&key.public().to_text().unwrap()).unwrap();
            public.verify_file(b"x", &signature).unwrap();
            assert!(public.verify_file(b"y", &signature).is_err());
            assert_eq!(public.id(), key.public().id());
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
            assert!(find(kind, Some(&path)).unwrap().unwrap().is_open);
        }
        assert!(find(Kind::Ec, Some(&dir.path().join("none"))).is_err());
        let wrong = dir.path().join(USIGN_SECRET);
        let error = format!("{:#}", find(Kind::Ec, Some(&wrong)).unwrap_err());
        assert!(error.contains(USIGN_SECRET), "{error}");

        let key = dir.path().join(USIGN_SECRET);
        assert_eq!(
            find(Kind::Usign, Some(&key))
                .unwrap()
                .unwrap()
                .warnings()
                .len(),
            1
        );
        refuse_checkout(&dir.path().join("a/b")).unwrap();
        std::fs::create_dir(dir.path().join(".git")).unwrap();
        assert!(refuse_checkout(&dir.path().join("a/b")).is_err());
        let warnings = find(Kind::Usign, Some(&key)).unwrap().unwrap().warnings();
        assert!(
            warnings[1].contains("one `git add` from being published"),
            "{warnings:?}"
        );
        let other = tempfile::tempdir().unwrap();
        let link = other.path().join("link");
        std::os::unix::fs::symlink(dir.path(), &link).unwrap();
        assert!(refuse_checkout(&link.join("keys")).is_err());
    }
}
