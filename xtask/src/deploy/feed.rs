//! Tells a router of a feed: the line for its package manager and the key that
//! signs the feed. Both are taken back where the router does not accept it.

use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde::Serialize;

use super::router::{Lines, Router, manager};
use super::ssh::{Session, printable_lines};
use crate::config::sdk::Format;
use crate::engine::ca;
use crate::feed::write::kind;
use crate::feed::{fetch, verify};
use crate::util::fs::read_text;
use crate::util::interrupt::Interrupt;
use crate::util::process::tail;
use crate::util::ui::Ui;

const SCRIPT: &str = include_str!("feed.sh");

/// A feed as the router will know it.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    /// Its name there.
    pub name: String,
    /// Where the router finds it.
    pub url: String,
    /// The file that the line is written to.
    pub list: String,
    /// The file of the key.
    pub key_file: String,
    /// The key's id.
    pub key_id: String,
    /// The key came with the feed, and nobody else vouches for it.
    pub own_key: bool,
    #[serde(skip)]
    key: String,
}

/// Looks at the feed and its key as the router will.
///
/// # Errors
/// A place that is none, a feed that routers refuse, one for another
/// architecture or package manager, no key.
pub fn plan(name: &str, place: &str, key: Option<&Path>, router: &Router, ui: &Ui) -> Result<Plan> {
    let is_url = fetch::is_url(place);
    let is_plain = |c: char| c.is_ascii_graphic() && !"'\"`$\\<>|;&(){}".contains(c);
    ensure!(
        place.chars().all(is_plain),
        "--feed {place:?} has blanks, quotes or characters of the shell's own"
    );
    if !is_url && !place.starts_with('/') {
        bail!(
            "--feed {place:?} is neither an http or https address nor a whole path on the router. \
             A folder of this machine is out of the router's reach: serve it first, for instance by \
             `python3 -m http.server -d {place} 8000`"
        );
    }
    let place = place.trim_end_matches('/');
    let kind = kind(router.format);
    let (own_key, text) = match key {
        Some(file) => (false, read_text(file)?),
        None if is_url => (true, fetched_key(place, kind.files().1)?),
        None => bail!("a feed in a folder of the router needs --key FILE: its public key"),
    };
    let public = kind.public(&text).with_context(|| {
        format!(
            "read the key that {} checks feeds with",
            manager(router.format)
        )
    })?;
    if is_url {
        check(place, key, router, ui)?;
    }
    let id = public.id();
    let (list, file) = match router.format {
        Format::Ipk => (
            "/etc/opkg/customfeeds.conf".to_owned(),
            format!("/etc/opkg/keys/{id}"),
        ),
        Format::Apk => (
            format!("/etc/apk/repositories.d/{name}.list"),
            format!("/etc/apk/keys/{}.pem", &id[..id.len().min(16)]),
        ),
    };
    Ok(Plan {
        name: name.to_owned(),
        url: match (is_url, router.format) {
            (false, Format::Ipk) => format!("file://{place}"),
            _ => place.to_owned(),
        },
        list,
        key_file: file,
        key_id: id,
        own_key,
        key: text.trim_end().to_owned(),
    })
}

fn fetched_key(url: &str, name: &str) -> Result<String> {
    let dir = tempfile::tempdir().context("make a folder for the feed's key")?;
    fetch::one(url, ca::bundle(None)?.as_deref(), name, dir.path())?;
    let file = dir.path().join(name);
    ensure!(
        file.exists(),
        "{url} has no {name}: --key FILE names the feed's public key"
    );
    read_text(&file)
}

/// Checks the whole feed.
fn check(place: &str, key: Option<&Path>, router: &Router, ui: &Ui) -> Result<()> {
    let keys: Vec<_> = key.map(Path::to_owned).into_iter().collect();
    let ca = ca::bundle(None)?;
    let report = verify::verify(place, &keys, ca.as_deref(), ui)
        .with_context(|| format!("verify {place}"))?;
    for feed in &report.feeds {
        if let Some(problem) = feed.problems.first() {
            return Err(anyhow!("{problem}").context(format!(
                "a router would refuse this feed; `cargo xtask feed --verify {place}` says all"
            )));
        }
        ensure!(
            feed.format == router.format,
            "{place} is a feed for {}, and this router has {}",
            manager(feed.format),
            manager(router.format)
        );
        ensure!(
            router.archs.contains(&feed.arch),
            "{place} is a feed for {}, and this router is {}",
            feed.arch,
            router.arch
        );
    }
    Ok(())
}

/// Adds it, and has the router read it.
///
/// # Errors
/// The router does not accept it: then it is as it was. The connection breaks.
pub fn add(
    session: &Session,
    plan: &Plan,
    format: Format,
    interrupt: &Interrupt,
) -> Result<Vec<String>> {
    let id = plan.key_file.rsplit('/').next().unwrap_or_default();
    let args = [manager(format), &plan.name, &plan.url, id, &plan.key];
    let reply = session.run(SCRIPT, &args, interrupt)?;
    let lines = Lines(&reply.stdout);
    let said = printable_lines(&lines.others().collect::<Vec<_>>().join("\n"));
    match lines.last("code") {
        Some("0") => Ok(said.lines().map(str::to_owned).collect()),
        Some(_) => bail!(
            "{} on the router does not accept the feed, and it was taken out again:\n{}",
            manager(format),
            tail(&said)
        ),
        None => bail!(
            "the router cannot write {} or {}: {}",
            plan.list,
            plan.key_file,
            printable_lines(reply.stderr.trim())
        ),
    }
}
