//! What a container is made with, decided before there is one.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use sha2::{Digest, Sha256};

use crate::build::Request;
use crate::compile::profile::Profile;
use crate::config::image::RustMode;
use crate::config::sdk::{Arch, Format, Sdk};
use crate::config::workspace::{Crate, Workspace};
use crate::fingerprint::hex;
use crate::package::meta::Meta;
use crate::package::{apk, ipk};
use crate::recipe;
use crate::toolchain::cache::Cache;
use crate::toolchain::stdlib::TARGET_FLAGS;
use crate::util::fs;

/// Where the SDK is in every image.
pub const TREE: &str = "/builder";
/// Where the workspace is mounted.
pub const SOURCE: &str = "/source";
/// Where a container leaves what it made.
pub const ARTIFACTS: &str = "/artifacts";
/// What of ours is in the image.
const OURS: &str = "/opt/xtask";
/// cargo's home in a container.
const CARGO_HOME: &str = "/xtask/cargo";
/// What belongs to one workspace and one image.
const BUILD: &str = "/xtask/build";
/// What zig keeps of its own C library.
const ZIG: &str = "/xtask/zig";

/// Begin of the labels' names, on images, containers and volumes.
pub const LABEL: &str = "org.tollgate-wrt.";

/// A volume that outlives the container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    /// Its name.
    pub name: String,
    /// Where it is mounted.
    pub at: &'static str,
    /// What it keeps: a label's value.
    pub keeps: &'static str,
}

/// One build in a container.
#[derive(Debug)]
pub struct Plan {
    /// Control fields and file name of the package, as the recipe will say them.
    pub meta: Meta,
    /// The workspace's folder.
    pub root: PathBuf,
    /// What the build reads of it.
    pub paths: Vec<String>,
    /// The package's file name.
    pub file: String,
    /// Its version as the release's package manager has it.
    pub version: String,
    /// What its format leaves out.
    pub notes: Vec<String>,
    /// Names this workspace, user and architecture: two runs with the same one
    /// wait for each other.
    pub key: String,
    /// Caches.
    pub volumes: Vec<Volume>,
    /// The container's variables.
    pub environment: Vec<(String, String)>,
}

impl Plan {
    /// Plans one architecture's build in an image with this fingerprint.
    ///
    /// # Errors
    /// Metadata with mistakes; a `Source:` field that no recipe in a feed has.
    pub fn new(
        request: &Request<'_>,
        sdk: &Sdk,
        arch: &Arch,
        fingerprint: &str,
        epoch: u64,
    ) -> Result<Self> {
        let (workspace, member) = (request.workspace, request.member);
        let format = request.release.format;
        let meta = member.meta(format, &arch.name, epoch)?;
        let root = workspace.workspace_root.clone();
        let name = recipe::package_name(member);
        let recipe_dir = format!("openwrt/{name}");
        let mut paths = workspace.sources();
        paths.push(recipe_dir.clone());
        paths.extend(recipe::files_of_workspace(workspace, member)?);
        let cache = Cache::open()?.path("");
        let key = key([&root, &cache], &request.release.name, &arch.name);
        let (file, version, notes) = match format {
            Format::Ipk => (ipk::file_name(&meta), meta.version.clone(), Vec::new()),
            Format::Apk => (
                apk::file_name(&meta)?,
                apk::version(&meta)?,
                apk::notes(&meta),
            ),
        };
        let mut environment = vec![
            ("XTASK_FEED", feed(&meta, name)?),
            ("XTASK_PACKAGE", name.to_owned()),
            ("XTASK_RECIPE", recipe_dir),
            ("XTASK_PATHS", paths.join("\n")),
            ("XTASK_FILE", file.clone()),
            ("XTASK_SOURCE", format!("{BUILD}/source")),
            ("XTASK_EPOCH", meta.epoch.to_string()),
            ("XTASK_TARGET_DIR", format!("{BUILD}/target")),
            ("XTASK_CARGO_HOME", CARGO_HOME.to_owned()),
            // Sources and feeds belong to other users than the container's.
            ("GIT_CONFIG_COUNT", "1".to_owned()),
            ("GIT_CONFIG_KEY_0", "safe.directory".to_owned()),
            ("GIT_CONFIG_VALUE_0", "*".to_owned()),
        ];
        if sdk.image.rust == RustMode::Pinned {
            environment.extend([
                ("CONFIG_XTASK_CARGO", "y".to_owned()),
                ("XTASK_CARGO", format!("{OURS}/bin/cargo")),
                ("XTASK_RUSTC", format!("{OURS}/bin/rustc")),
                ("XTASK_TARGET", arch.target.clone()),
                ("XTASK_TARGET_FLAGS", TARGET_FLAGS.join("\n")),
                ("XTASK_PROFILE", Profile::Release.args(sdk).join("\n")),
                ("XTASK_STRIPPED", "y".to_owned()),
                ("XTASK_ZIG_CACHE", ZIG.to_owned()),
            ]);
        }
        Ok(Self {
            meta,
            root,
            paths,
            file,
            version,
            notes,
            volumes: volumes(&key, fingerprint),
            key,
            environment: environment
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        })
    }

    /// The label of this plan's containers: of this machine, which knows
    /// whether the run that made one still lives.
    pub fn run(&self) -> String {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        format!("{}.{}", self.key, host.trim())
    }
}

/// Refuses to build by a recipe that says something else than the metadata.
///
/// # Errors
/// It is missing, or not fresh.
pub fn check_recipe(workspace: &Workspace, member: &Crate) -> Result<()> {
    let recipe = recipe::path(workspace, member);
    ensure!(
        recipe.is_file(),
        "{} is missing: the SDK builds by a recipe; write it with: cargo xtask recipe",
        recipe.display()
    );
    ensure!(
        recipe::render(workspace, member)? == fs::read_text(&recipe)?,
        "{} is not what the crate's metadata says: the SDK would build another package; update it with: cargo xtask recipe",
        recipe.display()
    );
    Ok(())
}

/// The folder in `feeds/` that makes OpenWrt write the same `Source:` field.
fn feed(meta: &Meta, name: &str) -> Result<String> {
    let feed = meta
        .source
        .strip_prefix("feeds/")
        .and_then(|rest| rest.strip_suffix(name)?.strip_suffix('/'))
        .filter(|feed| !feed.is_empty() && !feed.contains('/') && !feed.starts_with('.'));
    let feed = feed.with_context(|| {
        format!(
            "Source is {:?}: in the SDK it is the recipe's folder, feeds/<feed>/{name}; set `feed` and not `source_field`",
            meta.source
        )
    })?;
    Ok(feed.to_owned())
}

/// Digits that stand for this workspace of this user: what one builds in a
/// folder that several share is not another's. Its lock is in that cache.
fn key(paths: [&Path; 2], release: &str, arch: &str) -> String {
    use std::os::unix::ffi::OsStrExt;
    let mut hash = Sha256::new();
    for path in paths {
        hash.update(path.as_os_str().as_bytes());
        hash.update([0]);
    }
    format!("{release}-{arch}-{}", &hex(&hash.finalize())[..12])
}

fn volumes(key: &str, fingerprint: &str) -> Vec<Volume> {
    let short = &fingerprint[..fingerprint.len().min(12)];
    let volume = |name: String, at, keeps| Volume { name, at, keeps };
    vec![
        volume("tollgate-xtask-cargo".to_owned(), CARGO_HOME, "cargo"),
        // What another compiler or standard library made must not be found.
        volume(
            format!("tollgate-xtask-build-{key}-{short}"),
            BUILD,
            "build",
        ),
        volume(format!("tollgate-xtask-zig-{short}"), ZIG, "zig"),
        // Begins as the image's folder, whose archives are older than stamps.
        volume(format!("tollgate-xtask-dl-{short}"), "/builder/dl", "dl"),
    ]
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A plan for a source at `root`.
    pub fn plan(root: &Path) -> Plan {
        Plan {
            meta: Meta {
                name: "x".into(),
                ..Meta::default()
            },
            root: root.to_owned(),
            paths: Vec::new(),
            file: "x_1-r1_all.ipk".into(),
            version: "1-r1".into(),
            notes: Vec::new(),
            volumes: volumes("k", "0123456789abcdef"),
            key: "k".into(),
            environment: Vec::new(),
        }
    }

    #[test]
    fn the_feed_is_what_the_source_field_says() {
        let feed = |source: &str| {
            let meta = Meta {
                source: source.into(),
                ..Meta::default()
            };
            feed(&meta, "x").ok()
        };
        assert_eq!(feed("feeds/tollgate/x").as_deref(), Some("tollgate"));
        for other in [
            "feeds/x",
            "feeds//x",
            "feeds/a/b/x",
            "feeds/../x",
            "package/x",
            "feeds/a/y",
        ] {
            assert_eq!(feed(other), None, "{other}");
        }
    }

    #[test]
    fn volumes_of_what_must_not_be_mixed_have_other_names() {
        let names = |key: &str, fingerprint: &str| {
            let names = volumes(key, fingerprint)
                .into_iter()
                .map(|volume| volume.name);
            names.collect::<Vec<_>>()
        };
        let (a, b, c) = (
            names("k", "0123456789abcdef"),
            names("k", "1123456789abcdef"),
            names("l", "0123456789abcdef"),
        );
        assert_eq!(a[0], b[0], "crates are the same for all");
        assert!(a[1] != b[1] && a[1] != c[1] && a[2] != b[2] && a[2] == c[2]);
        assert!(a[3] != b[3] && a[3] == c[3]);
        let key = |root: &str| key([Path::new(root), Path::new("/c")], "24.10", "x");
        assert_ne!(key("/a"), key("/b"));
    }
}
