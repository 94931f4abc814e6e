//! `keygen`: keys for a feed, made once and kept.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};

use crate::context::Context;
use crate::flags::Keygen;
use crate::keys::store::{self, Kind, Secret};
use crate::util::{fs, lock};

/// Runs the command.
///
/// # Errors
/// Keys that are there already; a folder in a checkout.
pub fn run(flags: &Keygen, ctx: &Context) -> Result<ExitCode> {
    let dir = match &flags.dir {
        Some(dir) => dir.clone(),
        None => store::home()?,
    };
    store::refuse_checkout(&dir)?;
    let kinds = [Kind::Usign, Kind::Ec];
    if flags.dry_run {
        refuse_present(&dir, &kinds)?;
        for kind in kinds.iter().filter(|_| !flags.json) {
            let (secret, public) = kind.files();
            for name in [secret, public] {
                println!("would write {}", dir.join(name).display());
            }
        }
        if flags.json {
            let keys = kinds.map(|kind| object(&dir, kind, None));
            println!("{:#}", serde_json::json!({ "keys": keys }));
        }
        return Ok(ExitCode::SUCCESS);
    }
    let is_new = !dir.exists();
    fs::create_dirs(&dir)?;
    if is_new {
        // One that was there keeps its mode: it may be everybody's.
        std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o700))
            .with_context(|| format!("close {} to others", dir.display()))?;
    }
    let _lock = lock::take(&dir.join(".lock"), "the keys", &ctx.ui)?;
    refuse_present(&dir, &kinds)?;
    let mut made = Vec::new();
    for kind in kinds {
        let key = Secret::generate(kind)?;
        let (secret, public) = kind.files();
        fs::write_atomic(&dir.join(secret), key.to_text()?.as_bytes(), 0o600)?;
        let text = key.public().to_text()?;
        fs::write_atomic(&dir.join(public), text.as_bytes(), 0o644)?;
        made.push((kind, key.public().id()));
    }
    if flags.json {
        let keys: Vec<_> = made
            .iter()
            .map(|(kind, id)| object(&dir, *kind, Some(id)))
            .collect();
        println!("{:#}", serde_json::json!({ "keys": keys }));
        return Ok(ExitCode::SUCCESS);
    }
    for (kind, id) in made {
        let (secret, public) = kind.files();
        let what = match kind {
            Kind::Usign => "opkg feeds (24.10), Ed25519",
            Kind::Ec => "apk feeds (25.12), EC prime256v1",
        };
        println!(
            "{what}, key {id}\n  secret  {}   (or its text in {})\n  public  {}",
            dir.join(secret).display(),
            kind.variable(),
            dir.join(public).display(),
        );
    }
    println!("Keep a copy of the secret keys: routers that trust them take no other.");
    Ok(ExitCode::SUCCESS)
}

fn object(dir: &Path, kind: Kind, id: Option<&str>) -> serde_json::Value {
    let (secret, public) = kind.files();
    serde_json::json!({
        "kind": match kind { Kind::Usign => "usign", Kind::Ec => "ec" },
        "id": id,
        "secret": dir.join(secret),
        "public": dir.join(public),
        "variable": kind.variable(),
    })
}

/// A key that is replaced locks out every router that has the old one.
fn refuse_present(dir: &Path, kinds: &[Kind]) -> Result<()> {
    for kind in kinds {
        let (secret, public) = kind.files();
        for path in [dir.join(secret), dir.join(public)] {
            ensure!(
                !path.exists(),
                "{} is there already, and routers may trust it: move it away, or choose another folder with --dir",
                path.display()
            );
        }
    }
    Ok(())
}
