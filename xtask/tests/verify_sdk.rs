//! `verify-cache` on builds in the SDK: every cause provoked in an image that
//! is not what was baked, and told from the image, from what make would do, and
//! from the log.

#[path = "support/image_copy.rs"]
mod image_copy;
#[path = "support/project.rs"]
mod project;
#[path = "support/sdk_base.rs"]
mod sdk_base;
#[path = "support/sdk_root.rs"]
mod sdk_root;
mod support;

use std::process::Command;

use image_copy::Copy;
use project::Project;
use sdk_root::{Root, greeter, list};
use serde_json::{Value, json};

/// Where images come from: of the feed's Rust, or with the pinned one.
enum Source {
    Feed(Root),
    Pinned(Copy),
}

/// A package, an image to build it in, and what `verify-cache` says of them.
struct Bench {
    source: Source,
    arch: &'static str,
    project: Project,
    /// The image as it was built, and its tag.
    good: String,
    tag: String,
}

impl Bench {
    fn new(arch: &'static str, source: Option<Source>) -> Option<Self> {
        let mut bench = Self {
            source: source?,
            arch,
            project: greeter(),
            good: format!("xtask-test-good:{arch}"),
            tag: String::new(),
        };
        support::run(&mut bench.ipk());
        bench.tag = match &bench.source {
            Source::Feed(root) => root.image(),
            Source::Pinned(copy) => copy.tag(),
        };
        list(&["tag", &bench.tag, &bench.good]);
        Some(bench)
    }

    fn xtask(&self, args: &[&str]) -> Command {
        let mut command = match &self.source {
            Source::Feed(root) => root.xtask(args),
            Source::Pinned(copy) => copy.xtask(args),
        };
        command
            .arg("--manifest-path")
            .arg(self.project.path("Cargo.toml"));
        command
    }

    fn ipk(&self) -> Command {
        self.xtask(&["ipk", self.arch, "--backend", "sdk"])
    }

    fn report(&self, command: &mut Command) -> (i32, Value) {
        let output = command.output().unwrap();
        let code = output.status.code().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!([0, 1, 3].contains(&code), "{code}: {told}");
        let report = support::json(&output);
        let codes = [("cached", 0), ("recompiled", 1), ("unknown", 3)];
        let verdict = report["verdict"].as_str().unwrap();
        assert!(codes.contains(&(verdict, code)), "{verdict} {code}");
        (code, report["subjects"][0].clone())
    }

    fn verify(&self, args: &[&str]) -> (i32, Value) {
        self.report(&mut self.xtask(&[&["verify-cache", self.arch, "--json"], args].concat()))
    }

    /// Verdict, cause, and that a sentence of `check` has `words`.
    fn expect(&self, verdict: &str, cause: Option<&str>, check: &str, words: &str) -> Value {
        let (_, subject) = self.verify(&[]);
        let found = (&subject["verdict"], &subject["cause"]);
        assert_eq!(found, (&json!(verdict), &json!(cause)), "{subject:#}");
        let (_, text) = answer(&subject, check);
        assert!(text.contains(words), "{words:?} in {text:?}");
        if verdict != "cached" {
            assert!(subject["mend"].is_string(), "{subject:#}");
        }
        subject
    }

    /// Lets the tag point at the image with a change, labels and all.
    fn change(&self, lines: &str) {
        sdk_root::variant(&self.good, &self.tag, lines);
    }

    /// The image as it was.
    fn restore(&self) {
        list(&["tag", &self.good, &self.tag]);
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        list(&["image", "rm", "--force", &self.good]);
        sdk_root::forget_volumes(&self.tag);
    }
}

/// State and sentences of a check.
fn answer<'a>(subject: &'a Value, check: &str) -> (&'a str, String) {
    let checks = subject["checks"].as_array().unwrap();
    let found = checks.iter().find(|answer| answer["check"] == check);
    let found = found.unwrap();
    let sentences = found["sentences"].as_array().unwrap();
    let sentences: Vec<&str> = sentences
        .iter()
        .map(|text| text.as_str().unwrap())
        .collect();
    (found["state"].as_str().unwrap(), sentences.join("\n"))
}

#[test]
fn the_feeds_rust() {
    let arch = "x86_64_verify";
    let Some(bench) = Bench::new(arch, Root::new(arch).map(Source::Feed)) else {
        return;
    };

    // The image was made for the first build.
    let (code, subject) = bench.verify(&[]);
    let (state, text) = answer(&subject, "last-build");
    assert_eq!((code, state), (1, "recompiled"), "{subject:#}");
    assert!(text.starts_with("image was made: "), "{text}");
    for check in ["inputs", "files", "next-build"] {
        assert_eq!(answer(&subject, check).0, "ok", "{subject:#}");
    }
    support::run(&mut bench.ipk());
    let words = "make looks at package/feeds/packages/rust/host-compile and makes nothing there";
    let subject = bench.expect("cached", None, "next-build", words);
    let (_, text) = answer(&subject, "files");
    assert!(text.contains(" files and 4 stamps in the image"), "{text}");
    assert_eq!(subject["backend"], "sdk");

    // In the image.
    let host = "/builder/staging_dir/target-*/host";
    for (commands, cause, check, words) in [
        (
            "printf x >> $(find HOST -type f | head -n 1)",
            "file-changed",
            "files",
            " is corrupted: ",
        ),
        (
            "rm $(find HOST -type f | head -n 1)",
            "file-missing",
            "files",
            " is missing",
        ),
        (
            "for dir in HOST; do touch $dir/stranger; done",
            "file-added",
            "files",
            "stranger is not in its record",
        ),
        (
            "echo >> /opt/xtask/toolchain.sha256",
            "file-changed",
            "files",
            "toolchain.sha256 is corrupted",
        ),
        (
            "touch /builder/staging_dir/hostpkg/stamp/.rust_installed",
            "file-changed",
            "files",
            "where the record says a stamp of ",
        ),
    ] {
        bench.change(&format!("RUN {}", commands.replace("HOST", host)));
        bench.expect("recompiled", Some(cause), check, words);
    }

    // What make would do: the image's files are what they were.
    for (commands, cause) in [
        (
            "RUN touch feeds/packages/lang/rust/Makefile",
            "feed-updated",
        ),
        (
            "RUN sed -i 's/^CONFIG_AUTOREMOVE=y/# CONFIG_AUTOREMOVE is not set/' .config",
            "stamp-renamed",
        ),
        ("RUN rm -rf build_dir/target-*/host", "not-determined"),
    ] {
        bench.change(commands);
        let words = "make would build package/feeds/packages/rust/host-compile again: ";
        // A stamp that is gone is found among the files first.
        let (first, files) = match cause {
            "not-determined" => ("file-missing", "recompiled"),
            _ => (cause, "ok"),
        };
        let subject = bench.expect("recompiled", Some(first), "next-build", words);
        assert_eq!(answer(&subject, "files").0, files, "{subject:#}");
        assert!(
            answer(&subject, "next-build").1.contains(cause),
            "{subject:#}"
        );
    }
    bench.restore();

    // The last build's log and record.
    let dist = format!("dist/24.10/{arch}");
    let log = bench.project.path(&format!("{dist}/build.log"));
    let good = std::fs::read(&log).unwrap();
    std::fs::write(&log, &good[..good.len() / 2]).unwrap();
    bench.expect(
        "unknown",
        None,
        "last-build",
        "is not the log of the last build",
    );
    std::fs::remove_file(&log).unwrap();
    bench.expect("unknown", None, "last-build", "cannot be read");
    std::fs::write(&log, &good).unwrap();
    bench.expect(
        "cached",
        None,
        "last-build",
        "cached: nothing of the toolchain was made again",
    );

    // A build that was stopped: its log tells why.
    bench.change("RUN touch feeds/packages/lang/rust/Makefile");
    let output = bench.ipk().output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let subject = bench.expect(
        "recompiled",
        Some("feed-updated"),
        "last-build",
        "feed-updated",
    );
    assert!(
        answer(&subject, "last-build").1.contains("did not finish"),
        "{subject:#}"
    );
    bench.restore();
    bench.expect(
        "recompiled",
        Some("feed-updated"),
        "last-build",
        "did not finish",
    );

    // Two builds: the first brings the record up to date.
    let (code, subject) = bench.verify(&["--backend", "sdk", "--twice"]);
    assert_eq!(code, 0, "{subject:#}");
    let (state, text) = answer(&subject, "twice");
    assert!(
        state == "ok" && text.contains("the package is the same, byte for byte"),
        "{text}"
    );

    // Inputs, and nobody to ask.
    let mut nobody = bench.xtask(&["verify-cache", bench.arch, "--json"]);
    nobody.env("DOCKER_HOST", "unix:///nonexistent");
    let (code, subject) = bench.report(&mut nobody);
    assert_eq!(code, 3, "{subject:#}");
    let Source::Feed(root) = &bench.source else {
        return;
    };
    root.edit("openwrt/config/sdk.config", |text| {
        format!("{text}# more\n")
    });
    let words = "openwrt/config/sdk.config changed from ";
    let subject = bench.expect("recompiled", Some("input-changed"), "inputs", words);
    assert_eq!(answer(&subject, "files").0, "unknown");
    assert_eq!(answer(&subject, "next-build").0, "recompiled");
    let mend = subject["mend"].as_str().unwrap();
    assert_eq!(mend, format!("cargo xtask image {arch} --toolchain debian"));
}

#[test]
fn where_times_name_the_stamps() {
    let arch = "x86_64_verified";
    let root = Root::new(arch).inspect(|root| {
        root.edit("openwrt/config/sdk.config", |text| {
            text.replace("CONFIG_AUTOREMOVE=y", "# CONFIG_AUTOREMOVE is not set")
        });
    });
    let Some(bench) = Bench::new(arch, root.map(Source::Feed)) else {
        return;
    };
    support::run(&mut bench.ipk());
    bench.expect("cached", None, "next-build", "and makes nothing there");

    let moved = "USER root\nRUN mv /builder /elsewhere && ln -s /elsewhere /builder\nUSER buildbot";
    bench.change(moved);
    bench.expect(
        "recompiled",
        Some("path-changed"),
        "next-build",
        "path-changed",
    );
    bench.restore();

    // In the volume, where a build of another package may have fetched it again.
    let (_, digits) = bench.tag.rsplit_once('-').unwrap();
    let mount = format!("tollgate-xtask-dl-{digits}:/builder/dl");
    let touch = "touch /builder/dl/rustc-*";
    list(&[
        "run",
        "--rm",
        "--network=none",
        "-v",
        &mount,
        &bench.good,
        "sh",
        "-c",
        touch,
    ]);
    let subject = bench.expect(
        "recompiled",
        Some("download-newer"),
        "next-build",
        "download-newer",
    );
    assert_eq!(answer(&subject, "files").0, "ok", "{subject:#}");
}

#[test]
fn the_pinned_rust() {
    let source = Copy::pinned().map(Source::Pinned);
    let Some(bench) = Bench::new(image_copy::ARCH, source) else {
        return;
    };
    support::run(&mut bench.ipk());
    let words = "make comes to the package without a stage of the toolchain";
    bench.expect("cached", None, "next-build", words);

    for (file, change) in [
        ("/opt/xtask/rust/bin/rustc", "printf x >>"),
        ("/opt/xtask/bin/cargo", "printf x >>"),
        ("/opt/xtask/zig/ziglang/zig", "printf x >>"),
        (
            "/opt/xtask/std/*/sysroot/lib/rustlib/*/lib/libcore-*.rlib",
            "rm",
        ),
    ] {
        bench.change(&format!("RUN for file in {file}; do {change} $file; done"));
        let (code, subject) = bench.verify(&[]);
        assert_eq!(code, 1, "{subject:#}");
        let (state, text) = answer(&subject, "files");
        let name = file.rsplit('/').next().unwrap().split('*').next().unwrap();
        assert!(state == "recompiled" && text.contains(name), "{text}");
    }
    bench.restore();
    bench.expect("cached", None, "files", "in the image are what was baked");
}
