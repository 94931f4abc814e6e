//! Rules about links: where they lead, and what is installed through them.

use std::collections::{HashMap, HashSet};

use super::Report;
use super::finding::Findings;
use super::members::installed_path;

/// Deepest path that is followed; the deepest of OpenWrt has eleven parts.
const MAX_DEPTH: usize = 64;
/// Linux's limit of links in a path.
const MAX_LINKS: usize = 40;

pub(super) fn lint(report: &Report, findings: &mut Findings) {
    let links = Links::of(report);
    let mut before = HashSet::new();
    for file in &report.files {
        let path = file.path.as_str();
        if path.matches('/').count() > MAX_DEPTH {
            let message = format!("is more than {MAX_DEPTH} directories deep");
            findings.error("path-depth", Some(path), message);
            continue;
        }
        if file.kind == "hardlink" {
            let target = file.target.as_deref().unwrap_or_default();
            hard_link(path, target, &before, findings);
        }
        if let Some(link) = links.above(path) {
            if links.leaves(link) {
                let message = format!(
                    "is below the symbolic link {link}, which leads out of the installation root"
                );
                findings.error("path-through-link", Some(path), message);
            }
        }
        if file.kind != "dir" {
            before.insert(path);
        }
    }
}

/// A hard link's target is a name of the archive, not a path from the link.
fn hard_link(path: &str, target: &str, before: &HashSet<&str>, findings: &mut Findings) {
    if target.starts_with('/') || target.split('/').any(|part| part == "..") {
        let message = format!("is a hard link to {target}, out of the installation root");
        findings.error("hardlink-path", Some(path), message);
    } else if !before.contains(installed_path(target.as_bytes()).as_str()) {
        let message = format!("is a hard link to {target}, which is not before it in the package");
        findings.error("hardlink-missing", Some(path), message);
    }
}

/// Where a symbolic link of the package leads.
enum Leads<'a> {
    /// Out of the root. An absolute path does: it is the building machine's
    /// when an image is made.
    Out,
    /// To a place in the root.
    In,
    /// To or through another link of the package.
    To(&'a str),
}

/// The package's symbolic links. Each is resolved once: following them anew
/// for each file could be made to take hours.
struct Links<'a>(HashMap<&'a str, Leads<'a>>);

impl<'a> Links<'a> {
    fn of(report: &'a Report) -> Self {
        let all = || {
            report
                .files
                .iter()
                .filter(|file| file.kind == "symlink")
                .filter(|file| file.path.matches('/').count() <= MAX_DEPTH)
        };
        let mut links = Self(all().map(|file| (file.path.as_str(), Leads::In)).collect());
        for file in all() {
            let target = file.target.as_deref().unwrap_or_default();
            let leads = match resolve(&file.path, target) {
                None => Leads::Out,
                Some(place) => links.first(&place).map_or(Leads::In, Leads::To),
            };
            links.0.insert(&file.path, leads);
        }
        links
    }

    /// The outermost link that `path` goes through, or is.
    fn first(&self, path: &str) -> Option<&'a str> {
        let ends = path.match_indices('/').map(|(at, _)| at).skip(1);
        ends.chain([path.len()])
            .find_map(|end| self.0.get_key_value(&path[..end]))
            .map(|(link, _)| *link)
    }

    /// The outermost link above `path`.
    fn above(&self, path: &str) -> Option<&'a str> {
        if self.0.is_empty() {
            return None;
        }
        self.first(&path[..path.rfind('/')?])
    }

    /// True as well for a circle: nothing can be installed through it.
    fn leaves(&self, link: &str) -> bool {
        let mut link = link;
        for _ in 0..MAX_LINKS {
            match self.0.get(link) {
                Some(Leads::Out) => return true,
                Some(Leads::To(next)) => link = next,
                Some(Leads::In) | None => return false,
            }
        }
        true
    }
}

/// The place that `target` names from the link at `path`; `None` when it is out
/// of the root, or cannot be told without following links (`a/../b`).
fn resolve(path: &str, target: &str) -> Option<String> {
    if target.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    parts.pop();
    let mut down = false;
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." if down => return None,
            ".." => {
                parts.pop()?;
            }
            name => {
                down = true;
                parts.push(name);
            }
        }
    }
    (parts.len() <= MAX_DEPTH).then(|| format!("/{}", parts.join("/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        for (path, target, place) in [
            ("/a/b/l", "c", Some("/a/b/c")),
            ("/a/b/l", "../c/./d", Some("/a/c/d")),
            ("/a/b/l", "../../c", Some("/c")),
            ("/a/b/l", "../..", Some("/")),
            ("/a/b/l", "../../../c", None),
            ("/l", "..", None),
            ("/l", "/c", None),
            ("/l", "c/../d", None),
        ] {
            assert_eq!(resolve(path, target).as_deref(), place, "{path} {target}");
        }
        let deep = "d/".repeat(MAX_DEPTH);
        assert!(resolve("/l", &deep).is_some());
        assert_eq!(resolve("/l", &format!("{deep}d")), None);
    }
}
