//! `image --prune`: images of this project that no branch, tag or working tree
//! would use any more, and what killed runs left. An image belongs to the
//! project whose first commit stands in its label; others are never touched.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Serialize;

use super::files::{Files, WorkingTree};
use super::finish::CONTAINER;
use super::label;
use super::revision::Revision;
use super::spec::{DOCKERFILE, REPOSITORY, SDK, Spec};
use crate::config::sdk::Sdk;
use crate::engine::{Engine, Image};
use crate::toolchain::select::Choice;

/// What would be removed.
#[derive(Debug, Default, Serialize)]
pub struct Plan {
    /// Images that nothing uses.
    pub images: Vec<Unused>,
    /// Containers of killed runs.
    pub containers: Vec<String>,
    /// Images that are kept, by tag.
    pub kept: Vec<String>,
}

/// An image that nothing uses.
#[derive(Clone, Debug, Serialize)]
pub struct Unused {
    /// Its id.
    pub id: String,
    /// Its names that are ours to take away; none of what a killed run left.
    pub tags: Vec<String>,
    /// All layers' bytes, those that others share too.
    pub size: u64,
    /// The bytes of an image without names stay when it has another one.
    pub other_tags: Vec<String>,
    /// Why it is not needed.
    pub why: String,
}

/// Which images the project's revisions use.
#[derive(Debug, Default)]
pub struct Used {
    /// Fingerprints, with one place that uses each.
    pub fingerprints: BTreeMap<String, String>,
    /// Places that could not be read, and why: what they use is unknown.
    pub unknown: Vec<(String, String)>,
}

/// The project's first commit: what its clones and branches share.
///
/// # Errors
/// No git, no commit, or a history that was cut.
pub fn project(root: &Path) -> Result<String> {
    if git(root, &["rev-parse", "--is-shallow-repository"])?.trim() == "true" {
        bail!(
            "this is a shallow clone: its first commit, which tells this project's images, is not here (git fetch --unshallow)"
        );
    }
    let roots = git(root, &["rev-list", "--max-parents=0", "HEAD"])?;
    let first = roots.lines().min();
    first
        .map(str::to_owned)
        .context("the project has no commit yet")
}

/// Collects the fingerprints of every release and architecture in every
/// branch, tag and working tree.
///
/// # Errors
/// Git's.
pub fn used(root: &Path) -> Result<Used> {
    let mut used = Used::default();
    for tree in working_trees(root)? {
        let name = format!("the working tree {}", tree.display());
        add(&mut used, &WorkingTree::new(&tree), &name);
    }
    let refs = git(
        root,
        &[
            "for-each-ref",
            "--format=%(objectname) %(refname:short)",
            "refs/heads",
            "refs/remotes",
            "refs/tags",
        ],
    )?;
    let head = git(root, &["rev-parse", "HEAD"])?;
    let mut seen = BTreeSet::new();
    let all = refs
        .lines()
        .filter_map(|line| line.split_once(' '))
        .chain([(head.trim(), "HEAD")]);
    for (object, name) in all {
        if seen.insert(object.to_owned()) {
            match Revision::read(root, object) {
                Ok(revision) => add(&mut used, &revision, name),
                Err(error) => used.unknown.push((name.to_owned(), format!("{error:#}"))),
            }
        }
    }
    Ok(used)
}

/// The project's folder in each working tree of its repository.
fn working_trees(root: &Path) -> Result<Vec<PathBuf>> {
    let prefix = git(root, &["rev-parse", "--show-prefix"])?;
    let listed = git(root, &["worktree", "list", "--porcelain"])?;
    let trees = listed
        .lines()
        .filter_map(|line| line.strip_prefix("worktree "))
        .map(|tree| Path::new(tree).join(prefix.trim()));
    let there = trees.filter(|tree| tree.join(SDK).is_file());
    Ok(there.collect())
}

fn add(used: &mut Used, files: &dyn Files, name: &str) {
    match fingerprints(files) {
        Ok(found) => {
            for fingerprint in found {
                used.fingerprints
                    .entry(fingerprint)
                    .or_insert_with(|| name.to_owned());
            }
        }
        Err(error) => used.unknown.push((name.to_owned(), format!("{error:#}"))),
    }
}

fn fingerprints(files: &dyn Files) -> Result<Vec<String>> {
    // A revision from before there were images uses none.
    let (Some(file), Some(_)) = (files.file(SDK)?, files.file(DOCKERFILE)?) else {
        return Ok(Vec::new());
    };
    let text = String::from_utf8(file.content).with_context(|| format!("{SDK} is not UTF-8"))?;
    let sdk = Sdk::parse(Path::new(SDK), &text)?;
    let mut found = Vec::new();
    for release in sdk.release.keys() {
        let release = sdk.release(Some(release))?;
        for arch in sdk.all_archs(&release)? {
            for choice in [Choice::Rustup, Choice::Debian] {
                let spec = Spec::collect(files, &sdk, &release, &arch, choice)?;
                found.push(spec.inputs.digest());
            }
        }
    }
    Ok(found)
}

/// Looks what there is to remove. Nothing is changed.
///
/// # Errors
/// The engine's.
pub fn plan(engine: &Engine, project: &str, used: &Used) -> Result<Plan> {
    let filter = format!("label={}={project}", label::PROJECT);
    let listed = engine.read(&["images", "--no-trunc", "--quiet", "--filter", &filter])?;
    let ids: BTreeSet<&str> = listed.lines().collect();
    let ids: Vec<&str> = ids.into_iter().collect();
    let mut plan = Plan::default();
    for image in engine.inspect_images(&ids)?.into_iter().flatten() {
        match why_unused(&image, project, used) {
            Some(why) => plan.add(unused(image, why)),
            None => plan.kept.extend(image.repo_tags),
        }
    }
    let containers = engine.read(&[
        "ps",
        "--all",
        "--filter",
        &filter,
        "--filter",
        &format!("name={CONTAINER}"),
        "--format",
        "{{.Names}}",
    ])?;
    plan.containers = containers
        .lines()
        .filter(|name| name.starts_with(CONTAINER) && !is_at_work(name))
        .map(str::to_owned)
        .collect();
    Ok(plan)
}

/// The process whose number ends the name still runs.
fn is_at_work(name: &str) -> bool {
    let process = name.rsplit('-').next().unwrap_or_default();
    Path::new("/proc").join(process).is_dir()
}

fn why_unused(image: &Image, project: &str, used: &Used) -> Option<String> {
    if image.label(label::PROJECT) != Some(project) {
        return None;
    }
    let Some(fingerprint) = image.label(label::FINGERPRINT) else {
        // Names are given when everything else is done.
        return image
            .repo_tags
            .is_empty()
            .then(|| "a build that did not come to its end left it".to_owned());
    };
    if image.repo_tags.is_empty() {
        return Some("a newer image took its name".to_owned());
    }
    match used.fingerprints.contains_key(fingerprint) {
        true => None,
        false => Some("no branch, tag or working tree uses its fingerprint".to_owned()),
    }
}

fn unused(image: Image, why: String) -> Unused {
    let (tags, other_tags) = image.repo_tags.into_iter().partition(|tag| {
        let name = tag.rsplit_once(':').map_or(tag.as_str(), |(name, _)| name);
        name == REPOSITORY || name.ends_with(&format!("/{REPOSITORY}"))
    });
    Unused {
        id: image.id,
        tags,
        size: image.size,
        other_tags,
        why,
    }
}

impl Plan {
    /// An image whose names are all somebody else's was made from ours, and has
    /// its labels: nothing of it would be removed.
    fn add(&mut self, image: Unused) {
        match image.tags.is_empty() && !image.other_tags.is_empty() {
            true => self.kept.extend(image.other_tags),
            false => self.images.push(image),
        }
    }
}

/// What came of a plan.
#[derive(Debug, Default)]
pub struct Done {
    /// How many images are gone, or have none of our names any more.
    pub images: usize,
    /// What could not be removed, and why.
    pub refused: Vec<String>,
}

/// Removes it. An image that a container uses keeps all of its names.
///
/// # Errors
/// The engine does not answer.
pub fn remove(engine: &Engine, plan: &Plan) -> Result<Done> {
    let mut done = Done::default();
    for container in &plan.containers {
        if let Err(error) = engine.read(&["rm", "--force", container]) {
            done.refused.push(format!("{error:#}"));
        }
    }
    for image in &plan.images {
        let names = match image.tags.is_empty() {
            true => std::slice::from_ref(&image.id),
            false => &image.tags[..],
        };
        let ancestor = format!("ancestor={}", image.id);
        let users = engine.read(&["ps", "--all", "--quiet", "--filter", &ancestor])?;
        if let (Some(user), true) = (users.lines().next(), image.other_tags.is_empty()) {
            done.refused.push(format!(
                "{} stays: container {user} uses it ({} rm {user})",
                names[0],
                engine.kind.name()
            ));
            continue;
        }
        let removed = names
            .iter()
            .try_for_each(|name| engine.read(&["rmi", name]).map(drop));
        match removed {
            Ok(()) => done.images += 1,
            Err(error) => done.refused.push(format!("{error:#}")),
        }
    }
    Ok(done)
}

fn git(root: &Path, args: &[&str]) -> Result<String> {
    let output = duct::cmd("git", args)
        .dir(root)
        .env("LC_ALL", "C")
        .stdout_capture()
        .stderr_capture()
        .unchecked()
        .run()
        .context("start git: it tells which images are still used")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!(
            "git says: {}\nIts branches and tags tell which images are still used: run this in the project's checkout",
            said.lines().next().unwrap_or("nothing")
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::inspect::Config;

    fn image(labels: &[(&str, &str)], tags: &[&str]) -> Image {
        Image {
            repo_tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            config: Some(Config {
                labels: labels
                    .iter()
                    .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                    .collect(),
                ..Config::default()
            }),
            ..Image::default()
        }
    }

    #[test]
    fn only_this_projects_unused_images() {
        let mut used = Used::default();
        used.fingerprints.insert("aa".into(), "main".into());
        let ours = (label::PROJECT, "p");
        let print = |value| (label::FINGERPRINT, value);
        let why = |labels: &[(&str, &str)], tags: &[&str]| {
            why_unused(&image(labels, tags), "p", &used).is_some()
        };
        assert!(!why(&[ours, print("aa")], &["openwrt-rust-builder:x"]));
        assert!(why(&[ours, print("bb")], &["openwrt-rust-builder:x"]));
        assert!(why(&[ours, print("aa")], &[]));
        assert!(why(&[ours], &[]));
        assert!(!why(&[ours], &["mine:1"]));
        assert!(!why(&[(label::PROJECT, "q"), print("bb")], &[]));
        assert!(!why(&[print("bb")], &["openwrt-rust-builder:x"]));
    }

    #[test]
    fn names_of_others_stay() {
        let found = unused(
            image(
                &[],
                &[
                    "openwrt-rust-builder:x",
                    "mine:1",
                    "r:5000/openwrt-rust-builder:y",
                ],
            ),
            String::new(),
        );
        assert_eq!(
            found.tags,
            ["openwrt-rust-builder:x", "r:5000/openwrt-rust-builder:y"]
        );
        assert_eq!(found.other_tags, ["mine:1"]);
        let mut plan = Plan::default();
        plan.add(found);
        plan.add(unused(image(&[], &["made-from-it:1"]), String::new()));
        plan.add(unused(image(&[], &[]), String::new()));
        assert_eq!(
            (plan.images.len(), &plan.kept[..]),
            (2, &["made-from-it:1".to_owned()][..])
        );
    }
}
