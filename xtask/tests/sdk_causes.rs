//! Every cause for which a toolchain is made again, provoked in an image whose
//! toolchain was baked: `ipk --backend sdk` stops at once and names it.

#[path = "support/project.rs"]
mod project;
#[path = "support/sdk_base.rs"]
mod sdk_base;
#[path = "support/sdk_root.rs"]
mod sdk_root;
mod support;

use project::Project;
use sdk_root::{Root, built, failure, greeter, list, names, stderr};
use serde_json::{Value, json};
use xtask::buildlog::Baseline;
use xtask::buildlog::stamp::FileTime;
use xtask::engine::Kind;
use xtask::image::label;

const RECIPE: &str = "/builder/feeds/packages/lang/rust";
const COMPILE: &str = "make package/feeds/packages/rust/host/compile V=s >/dev/null";
/// Bakes again, and writes down what a baseline says of it, with all digits
/// that times have before a layer cuts them.
const RECORD: &str = "find /builder/build_dir/target-*/host -name '.prepared*_*' ! -name '*_check' -printf '%f\\n' > /opt/xtask/prepared; \
                      find /builder/feeds/packages/lang/rust -type f -printf '%p %T@\\n' > /opt/xtask/files";

/// An image, the way back to it, and a package.
struct Bench {
    root: Root,
    project: Project,
    tag: String,
    good: String,
}

impl Bench {
    fn new(arch: &str, autoremove: bool) -> Option<Self> {
        let root = Root::new(arch)?;
        if !autoremove {
            root.edit("openwrt/config/sdk.config", |text| {
                text.replace("CONFIG_AUTOREMOVE=y", "# CONFIG_AUTOREMOVE is not set")
            });
        }
        let tag = root.image();
        // Not a tag of the project's images: those are inspected.
        let good = tag.replace("openwrt-rust-builder:", "xtask-test-good:");
        list(&["tag", &tag, &good]);
        Some(Self {
            project: greeter(),
            root,
            tag,
            good,
        })
    }

    fn run(&self, args: &[&str]) -> std::process::Output {
        self.root.ipk(&self.project, args).output().unwrap()
    }

    /// The image as `lines` change it, for as long as `then` runs.
    fn with<T>(&self, lines: &str, then: impl FnOnce() -> T) -> T {
        self.root.variant(&self.good, &self.tag, lines);
        let changed = list(&["images", "--quiet", "--no-trunc", &self.tag]);
        let result = then();
        list(&["tag", &self.good, &self.tag]);
        list(&["image", "rm", "--force", changed.trim()]);
        result
    }

    /// A build in the changed image is stopped for `cause`.
    fn stops(&self, lines: &str, cause: &str) -> Value {
        // The compiler is stopped long before it is done.
        let lines = format!("ENV RUST_DOUBLE_SECONDS=20\n{lines}");
        self.with(&lines, || self.stopped(cause))
    }

    fn stopped(&self, cause: &str) -> Value {
        let failure = failure(&self.run(&[]));
        assert_eq!(failure["cause"], cause, "{failure:#}");
        assert_eq!(failure["verdict"], "recompiled", "{failure:#}");
        let error = failure["error"].as_str().unwrap();
        let begin = "the toolchain was about to be made again: package/feeds/packages/rust/host-compile; the build was stopped\n";
        let undecided = cause == "not-determined";
        assert!(undecided || error.starts_with(begin), "{error}");
        assert!(
            error.contains("\n  mend: ") && error.contains("\n  line "),
            "{error}"
        );
        let log = std::fs::read_to_string(failure["log"].as_str().unwrap()).unwrap();
        // Where the log does not decide, it is read on for a moment.
        assert!(
            undecided || !log.contains("Build completed successfully"),
            "stopped too late:\n{log}"
        );
        let left = names(
            std::path::Path::new(failure["log"].as_str().unwrap())
                .parent()
                .unwrap(),
        );
        assert_eq!(left, ["build.log"]);
        failure
    }

    fn is_cached(&self) {
        let output = self.run(&[]);
        let package = built(&output);
        assert_eq!(package["verdict"], "cached");
        assert!(stderr(&output).contains("nothing of the toolchain was made again"));
        let log = std::fs::read_to_string(package["log"].as_str().unwrap()).unwrap();
        assert!(!log.contains("Build completed successfully"), "{log}");
        remove(&package);
    }

    fn baseline(&self, image: &str) -> Baseline {
        let format = format!("{{{{index .Config.Labels {:?}}}}}", label::BASELINE);
        Baseline::parse(&list(&["inspect", "--format", &format, image])).unwrap()
    }

    /// The image as `lines` change it and bake it again, in place of the good
    /// one, with the label that `xtask image` would have given it.
    fn bake(&self, lines: &str) {
        let lines = format!("RUN {lines} && {COMPILE} && {RECORD}");
        self.root.variant(&self.good, &self.tag, &lines);
        let cat = |file: &str| list(&["run", "--rm", "--network=none", &self.tag, "cat", file]);
        let mut baseline = self.baseline(&self.good);
        let stage = &mut baseline.stages[0];
        stage.prepared = cat("/opt/xtask/prepared").trim().to_owned();
        let files = cat("/opt/xtask/files");
        let files = files.lines().map(|line| {
            let (path, time) = line.split_once(' ').unwrap();
            FileTime {
                path: path.to_owned(),
                time: time[..20].parse().unwrap(),
            }
        });
        stage.files = files.collect();
        stage.feed_time = stage.files.iter().map(|file| file.time).max();
        let text = serde_json::to_string(&baseline).unwrap();
        let lines = label::instruction(Kind::Docker, label::BASELINE, &text);
        self.root.variant(&self.tag, &self.tag, &lines);
        list(&["tag", &self.tag, &self.good]);
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        list(&["image", "rm", "--force", &self.good]);
    }
}

/// Takes a package away, with what lies beside it.
fn remove(package: &Value) {
    let path = package["path"].as_str().unwrap();
    for name in [path.to_owned(), format!("{path}.provenance.json")] {
        std::fs::remove_file(name).unwrap();
    }
}

#[test]
fn where_contents_name_the_stamps() {
    let Some(bench) = Bench::new("x86_64_contents", true) else {
        return;
    };
    bench.is_cached();
    bench.with("ENV CONFIG_AUTOREMOVE=n", || bench.is_cached());
    // In content mode an archive that is newer changes nothing.
    bench.with("RUN touch dl/*", || bench.is_cached());

    let touched = format!("RUN touch {RECIPE}/Makefile");
    bench.stops(&touched, "feed-updated");
    bench.with(&touched, || {
        let package = built(&bench.run(&["--allow-toolchain-rebuild"]));
        assert_eq!(package["verdict"], "recompiled");
        remove(&package);
    });
    let unset = "RUN sed -i 's/^CONFIG_AUTOREMOVE=y/# CONFIG_AUTOREMOVE is not set/' .config";
    bench.stops(unset, "stamp-renamed");
    // make's own command line beats .config.
    bench.stops("ENV MAKEFLAGS=CONFIG_AUTOREMOVE=", "stamp-renamed");

    let unbaked = "RUN rm -rf build_dir/target-*/host staging_dir/target-*/host staging_dir/hostpkg/stamp/.rust_installed";
    let none = Baseline {
        stages: Vec::new(),
        ..bench.baseline(&bench.good)
    };
    let none = serde_json::to_string(&none).unwrap();
    let none = label::instruction(Kind::Docker, label::BASELINE, &none);
    bench.stops(&format!("{unbaked}\n{none}"), "first-build");
    // The label says that it was baked, and it is not there.
    let lost = bench.stops(unbaked, "not-determined");
    let error = lost["error"].as_str().unwrap();
    assert!(
        error.contains("one of: first-build, stage-failed"),
        "{error}"
    );

    let broken = format!("RUN sed -i 's/x[.]py/no-such.py/' {RECIPE}/Makefile");
    bench.stops(&broken, "feed-updated");
    bench.with(&broken, || {
        let failed = failure(&bench.run(&["--allow-toolchain-rebuild"]));
        assert_eq!(
            (&failed["verdict"], &failed["cause"]),
            (&json!("recompiled"), &json!("stage-failed"))
        );
        let error = failed["error"].as_str().unwrap();
        assert!(error.contains("no-such.py"), "{error}");
    });

    bench.with("RUN rm feeds/packages/lang/rust/rust-package.mk", || {
        let failed = failure(&bench.run(&[]));
        let error = failed["error"].as_str().unwrap();
        assert!(
            error.starts_with(
                "the SDK has no feeds/packages/lang/rust/rust-package.mk, which every recipe"
            ) && error.contains("\n  mend: name a packages feed of OpenWrt 23.05 or newer"),
            "{error}"
        );
    });
    silent_changes(&bench);

    bench.bake(&format!(
        "sed -i '1i HOST_PREPARED_DEPENDS:=CONFIG_XTASK_TRY' {RECIPE}/Makefile"
    ));
    bench.is_cached();
    bench.stops("ENV CONFIG_XTASK_TRY=y", "config-changed");
}

/// What no line of the log shows is seen by the stamps.
fn silent_changes(bench: &Bench) {
    let recipe = bench.project.path("openwrt/greeter/Makefile");
    let text = std::fs::read_to_string(&recipe).unwrap();
    let line = "$(shell touch $(TOPDIR)/staging_dir/hostpkg/stamp/.rust_installed)";
    std::fs::write(
        &recipe,
        text.replace("# >>> package", &format!("{line}\n# >>> package")),
    )
    .unwrap();
    let failed = failure(&bench.run(&[]));
    assert_eq!(failed["verdict"], "recompiled");
    let error = failed["error"].as_str().unwrap();
    assert!(
        error.contains("though the log does not show it:\n    /builder/staging_dir/hostpkg/stamp/.rust_installed was written again\n"),
        "{error}"
    );
    std::fs::write(&recipe, text).unwrap();
}

#[test]
fn where_times_name_the_stamps() {
    let Some(bench) = Bench::new("x86_64_times", false) else {
        return;
    };
    // Whole seconds were set before the bake: a layer took nothing from them.
    bench.is_cached();
    bench.stops(&format!("RUN touch {RECIPE}/Makefile"), "feed-updated");
    let elsewhere =
        "USER root\nRUN mv /builder /elsewhere && ln -s /elsewhere /builder\nUSER buildbot";
    bench.stops(elsewhere, "path-changed");
    let set = "RUN sed -i 's/^# CONFIG_AUTOREMOVE is not set/CONFIG_AUTOREMOVE=y/' .config";
    bench.stops(set, "stamp-renamed");

    // In the volume, where a build of another package may have fetched it again.
    let (_, digits) = bench.tag.rsplit_once('-').unwrap();
    let volume = format!("tollgate-xtask-dl-{digits}");
    let touch = |time: &str| {
        let mount = format!("{volume}:/builder/dl");
        let touch = format!("touch {time} /builder/dl/rustc-*");
        list(&[
            "run",
            "--rm",
            "--network=none",
            "-v",
            &mount,
            &bench.good,
            "sh",
            "-c",
            &touch,
        ]);
    };
    touch("");
    bench.stops("", "download-newer");
    touch("-d @1700000000");
    bench.is_cached();

    bench.bake(&format!(
        "touch -d \"@$(stat -c %Y {RECIPE}/Makefile).123456789\" {RECIPE}/Makefile"
    ));
    bench.stops("", "mtime-precision-lost");
}
