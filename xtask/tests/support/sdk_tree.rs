//! The double of the SDK as a tree on this machine, without a container, and
//! what happens to such trees.
#![allow(dead_code)]

use std::fs::{File, FileTimes};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use xtask::buildlog::Baseline;
use xtask::buildlog::baseline::Baked;
use xtask::buildlog::stamp::{FileTime, Time};

use super::support;

/// The recipe of the feed's toolchain, in a tree.
pub const RECIPE: &str = "feeds/packages/lang/rust";
/// What the feed's toolchain is unpacked from.
pub const ARCHIVE: &str = "dl/rustc-1.90.0-src.tar.xz";
/// Where the test's package stands, in a tree.
pub const HELLO: &str = "feeds/tollgate/net/hello-rs";

/// True where the double's tools are.
pub fn tools() -> bool {
    static MISSING: OnceLock<Option<String>> = OnceLock::new();
    let missing = MISSING.get_or_init(|| {
        let absent: Vec<&str> = ["make", "gcc", "git", "xz", "perl", "python3", "flock"]
            .into_iter()
            .filter(|tool| Command::new(tool).arg("--version").output().is_err())
            .collect();
        (!absent.is_empty()).then(|| format!("not installed: {}", absent.join(", ")))
    });
    support::group("make", missing.as_deref())
}

/// An SDK with the feed's Rust and one package, nothing of it built.
pub struct Tree {
    _dir: tempfile::TempDir,
    /// Its top: `/builder` of a real one.
    pub top: PathBuf,
    /// Stands for now: each step is 100 s after the one before, so that no
    /// test waits for a second to pass.
    clock: SystemTime,
    autoremove: String,
}

/// What a build printed, and what it did.
pub struct Run {
    pub log: String,
    pub success: bool,
    /// The stand-in for rustc's build began: its own word, not the log's.
    pub compiled: bool,
}

impl Tree {
    /// With CONFIG_AUTOREMOVE as given: `y`, or empty for unset.
    pub fn new(autoremove: &str) -> Self {
        Self::of("24.10.8", autoremove)
    }

    /// The SDK of a release.
    pub fn of(version: &str, autoremove: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path().canonicalize().unwrap().join("builder");
        let fixtures = support::root().join("xtask/tests/fixtures");
        copy(&fixtures.join("sdk"), &top);
        let mut tree = Self {
            _dir: dir,
            top,
            clock: SystemTime::now() - Duration::from_secs(1_000_000),
            autoremove: autoremove.to_owned(),
        };
        tree.run("scripts/setup", &["aarch64_cortex-a53", version]);
        tree.run("scripts/feeds", &["update", "-a"]);
        tree.run("scripts/feeds", &["install", "-a"]);
        tree.add(&fixtures.join("hello-rs"), HELLO);
        if autoremove.is_empty() {
            let unset = "# CONFIG_AUTOREMOVE is not set\n";
            std::fs::write(tree.path(".config"), unset).unwrap();
        }
        tree.run("make", &["defconfig"]);
        tree.age();
        tree
    }

    /// Puts a recipe's folder at `feeds/FEED/…/NAME` and links it, as
    /// `scripts/feeds install` does.
    pub fn add(&self, from: &Path, to: &str) {
        copy(from, &self.path(to));
        let feed = to.split('/').nth(1).unwrap();
        let links = self.path("package/feeds").join(feed);
        std::fs::create_dir_all(&links).unwrap();
        let name = Path::new(to).file_name().unwrap();
        std::os::unix::fs::symlink(Path::new("../../..").join(to), links.join(name)).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.top.join(name)
    }

    fn command(&self, program: &str, args: &[&str]) -> duct::Expression {
        // A script of the tree, or a program of the machine.
        let program = match program.contains('/') {
            true => self.path(program).into_os_string(),
            false => program.into(),
        };
        let mut command = duct::cmd(program, args)
            .dir(&self.top)
            .stdin_null()
            .stderr_to_stdout()
            .stdout_capture()
            .unchecked()
            .env("RUST_DOUBLE_SECONDS", "0");
        for name in ["MAKEFLAGS", "MAKELEVEL", "MFLAGS", "V", "DEBUG"] {
            command = command.env_remove(name);
        }
        command
    }

    /// Runs it to its end; gives what it printed.
    pub fn run(&self, program: &str, args: &[&str]) -> String {
        let (success, text) = self.try_run(program, args);
        assert!(success, "{program} {args:?}:\n{text}");
        text
    }

    /// Whether it succeeded, and what it printed.
    pub fn try_run(&self, program: &str, args: &[&str]) -> (bool, String) {
        let output = self.command(program, args).run().unwrap();
        (
            output.status.success(),
            String::from_utf8(output.stdout).unwrap(),
        )
    }

    /// `make package/hello-rs/compile V=s …`; its two outputs in one, as in a
    /// log. What it wrote is then a step old.
    pub fn build(&mut self, args: &[&str]) -> Run {
        let before = self.compiles();
        let args = [&["package/hello-rs/compile", "V=s"], args].concat();
        let (success, log) = self.try_run("make", &args);
        let run = Run {
            log,
            success,
            compiled: self.compiles() > before,
        };
        self.age();
        run
    }

    /// Whether make would build the toolchain's stage, asked as OpenWrt asks it
    /// of packages: its check for newer files, then `make -q`.
    pub fn would_compile(&self, args: &[&str]) -> bool {
        let top = format!("TOPDIR={}", self.top.display());
        let folder = "package/feeds/packages/rust";
        let subdir = format!("BUILD_SUBDIR={folder}");
        let make = ["-r", "-C", folder, &top, &subdir];
        self.try_run("make", &[&make[..], args, &["check-depends"]].concat());
        let ask = ["-q", ".host-compile"];
        !self.try_run("make", &[&make[..], args, &ask].concat()).0
    }

    /// How often the stand-in for rustc's build began.
    fn compiles(&self) -> usize {
        let runs = std::fs::read_to_string(self.path(".double/runs")).unwrap_or_default();
        runs.lines().filter(|line| line.ends_with("began")).count()
    }

    /// The next step's time.
    fn tick(&mut self) -> SystemTime {
        self.clock += Duration::from_secs(100);
        self.clock
    }

    /// Moves what was written just now to the next step, order and digits kept.
    fn age(&mut self) {
        let to = self.tick();
        let now = SystemTime::now();
        let recent = now - Duration::from_secs(1000);
        for path in files(&self.top) {
            let time = modified(&path);
            if time > recent {
                set_time(&path, to - now.duration_since(time).unwrap_or_default());
            }
        }
    }

    /// Gives a file the time of a new step.
    pub fn touch(&mut self, name: &str) {
        // The setup's files are older than anything that is touched.
        let time = self.tick();
        set_time(&self.path(name), time + Duration::from_nanos(123_456_789));
    }

    /// Adds a line to a file, at a new step's time.
    pub fn edit(&mut self, name: &str, line: &str) {
        let path = self.path(name);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text + line).unwrap();
        self.touch(name);
    }

    /// What an image layer does to times.
    pub fn drop_digits(&self) {
        for path in files(&self.top) {
            let seconds = std::fs::metadata(&path).unwrap().mtime();
            let time = Duration::from_secs(seconds.try_into().unwrap());
            set_time(&path, SystemTime::UNIX_EPOCH + time);
        }
    }

    /// Another path for the same tree.
    pub fn rename(&mut self, name: &str) {
        let to = self.top.with_file_name(name);
        std::fs::rename(&self.top, &to).unwrap();
        self.top = to;
    }

    /// The value of CONFIG_AUTOREMOVE at the last build, if it was another.
    pub fn baked_with(&mut self, autoremove: &str) {
        autoremove.clone_into(&mut self.autoremove);
    }

    /// What is baked now, as an image's label has it.
    pub fn baseline(&self) -> Baseline {
        let archive = self.path(ARCHIVE);
        let recipe = files(&self.path(RECIPE));
        let files: Vec<FileTime> = recipe
            .iter()
            .map(|path| FileTime {
                path: path.to_str().unwrap().to_owned(),
                time: time_of(path),
            })
            .collect();
        let stages = self.stamps().into_iter().map(|stamp| Baked {
            name: "rust".into(),
            source: Some("rustc-1.90.0-src".into()),
            prepared: stamp,
            feed_time: files.iter().map(|file| file.time).max(),
            download_time: archive.is_file().then(|| time_of(&archive)),
            files: files.clone(),
        });
        Baseline {
            schema: 1,
            tree: self.top.to_str().unwrap().to_owned(),
            autoremove: self.autoremove.clone(),
            autorebuild: true,
            mtimes: None,
            stages: stages.collect(),
        }
    }

    /// The names of the `prepare` stamps of the toolchain's stage.
    pub fn stamps(&self) -> Vec<String> {
        let names = files(&self.top).into_iter().filter_map(|path| {
            let name = path.file_name()?.to_str()?.to_owned();
            let stage = path.to_str()?.contains("/host/rustc-");
            (stage && name.starts_with(".prepared") && !name.ends_with("_check")).then_some(name)
        });
        names.collect()
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    support::run(Command::new("cp").arg("-R").arg(from.join(".")).arg(to));
}

/// Every regular file in a folder, but git's.
fn files(dir: &Path) -> Vec<PathBuf> {
    walkdir::WalkDir::new(dir)
        .into_iter()
        .filter_entry(|entry| entry.file_name() != ".git")
        .map(Result::unwrap)
        .filter(|entry| entry.file_type().is_file())
        .map(walkdir::DirEntry::into_path)
        .collect()
}

fn modified(path: &Path) -> SystemTime {
    std::fs::metadata(path).unwrap().modified().unwrap()
}

fn set_time(path: &Path, time: SystemTime) {
    let file = File::open(path).unwrap();
    file.set_times(FileTimes::new().set_modified(time)).unwrap();
}

fn time_of(path: &Path) -> Time {
    let metadata = std::fs::metadata(path).unwrap();
    Time {
        seconds: metadata.mtime(),
        nanos: metadata.mtime_nsec().try_into().unwrap(),
    }
}
