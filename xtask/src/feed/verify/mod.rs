//! Checks a feed as a router would, and what a router does not look at as well.
//! Every problem is named with its file; none hides another.
//!
//! | module | |
//! |---|---|
//! | [`sums`] | the list of checksums, its signature, files that it does not name |
//! | [`index`] | what a folder has an index of |
//! | `feed` | one feed: its key, its files, its problems |
//! | `opkg`, `apk` | index, signature, packages |

mod apk;
mod feed;
pub mod index;
mod opkg;
pub mod sums;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use super::fetch;
use crate::config::sdk::Format;
use crate::util::ui::Ui;
pub use feed::{Feed, Problem};
use index::format;

/// What was found of all of them.
#[derive(Debug, Serialize)]
pub struct Report {
    /// One for each feed.
    pub feeds: Vec<Feed>,
    /// Nothing is wrong.
    pub ok: bool,
}

/// Checks the feed in a folder or behind a URL; of a folder without index, every
/// feed in it. `keys` are the public keys that signatures must be by, `ca` the
/// certificates that a server has to show one of.
///
/// # Errors
/// No feed at all; servers that do not answer; a key that cannot be read.
pub fn verify(place: &str, keys: &[PathBuf], ca: Option<&Path>, ui: &Ui) -> Result<Report> {
    let copied;
    let places: Vec<(String, PathBuf)> = if fetch::is_url(place) {
        copied = tempfile::tempdir().context("make a folder for the feed")?;
        let step = ui.step("Fetching", place);
        fetch::copy(place, ca, copied.path())?;
        drop(step);
        vec![(
            place.trim_end_matches('/').to_owned(),
            copied.path().to_owned(),
        )]
    } else {
        let found = feeds_below(Path::new(place))?;
        found
            .into_iter()
            .map(|dir| (dir.display().to_string(), dir))
            .collect()
    };
    let mut feeds = Vec::new();
    for (place, dir) in places {
        feeds.push(one(place, &dir, keys)?);
    }
    let ok = feeds.iter().all(|feed| feed.problems.is_empty());
    Ok(Report { feeds, ok })
}

fn feeds_below(dir: &Path) -> Result<Vec<PathBuf>> {
    let shown = dir.display();
    ensure!(
        !shown.to_string().contains("://") || dir.is_dir(),
        "{shown} is neither a folder nor an http or https address"
    );
    ensure!(dir.is_dir(), "there is no folder {shown}");
    if format(dir).is_some() {
        return Ok(vec![dir.to_owned()]);
    }
    let mut found = Vec::new();
    for entry in walkdir::WalkDir::new(dir).max_depth(4).sort_by_file_name() {
        let entry = entry.context("look for feeds")?;
        let is_hidden = entry.file_name().to_string_lossy().starts_with('.') && entry.depth() > 0;
        if entry.file_type().is_dir() && !is_hidden && format(entry.path()).is_some() {
            found.push(entry.into_path());
        }
    }
    ensure!(
        !found.is_empty(),
        "no feed is in {}: neither Packages nor packages.adb",
        dir.display()
    );
    Ok(found)
}

fn one(place: String, dir: &Path, keys: &[PathBuf]) -> Result<Feed> {
    let format = format(dir).with_context(|| format!("{place} has no index"))?;
    let mut feed = Feed::new(place, format);
    feed.find_key(dir, keys)?;
    sums::check(&mut feed, dir);
    let packages = match format {
        Format::Ipk => opkg::check(&mut feed, dir),
        Format::Apk => apk::check(&mut feed, dir),
    };
    feed.packages = packages.len();
    feed.check_json(dir, &packages);
    Ok(feed)
}
