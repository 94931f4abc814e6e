//! Real builds with the `debian` toolchain that begin at once on a new cache: a
//! standard library is built once and believed only when whole, and nobody finds
//! cargo-zigbuild's wrappers half made.

#[path = "support/project.rs"]
mod project;
mod support;

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use project::Project;
use serde_json::Value;
use xtask::util::lock;
use xtask::util::ui::Ui;

fn package(report: &Value) -> &Value {
    &report["packages"][0]
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// One after the other, because each costs a build of the library: killed, at
/// once, damaged.
#[test]
fn the_standard_library_is_whole_or_built_again() {
    if !project::toolchain() {
        return;
    }
    let project = Project::new();
    let good = support::json(&support::run(
        &mut project.xtask(&["ipk", "mips", "--json"]),
    ));
    let good = package(&good)["sha256"].clone();

    let cache = project::copied_cache();
    let record = project.path("dist/24.10/mips_24kc/build.native.json");
    project::keep_one_std(cache.path(), &record);
    let library = |name: &str| {
        let entries = std::fs::read_dir(cache.path().join("std")).unwrap();
        let mut dirs = entries
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_dir());
        dirs.find(|path| {
            path.file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .starts_with(name)
        })
    };
    let entry = library("mips-").unwrap();
    std::fs::remove_dir_all(&entry).unwrap();
    let ipk = |stderr: Stdio| {
        let mut command = project.xtask(&["ipk", "mips", "--json"]);
        command
            .env("XTASK_CACHE_DIR", cache.path())
            .stdout(Stdio::piped())
            .stderr(stderr);
        command
    };

    // Killed in the middle: the whole process group, as Ctrl-C and a CI do.
    use std::os::unix::process::CommandExt;
    let mut killed = ipk(Stdio::null()).process_group(0).spawn().unwrap();
    let started = Instant::now();
    let half = cache.path().join("std").join(format!(
        ".new-{}",
        entry.file_name().unwrap().to_str().unwrap()
    ));
    while !half.join("target").exists() {
        let ended = killed.try_wait().unwrap();
        let late = started.elapsed() > Duration::from_secs(300);
        assert!(ended.is_none() && !late, "no build began: {ended:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(Duration::from_secs(2));
    let group = format!("-{}", killed.id());
    assert!(
        std::process::Command::new("kill")
            .args(["-KILL", "--", &group])
            .status()
            .unwrap()
            .success()
    );
    killed.wait().unwrap();
    assert!(!entry.exists(), "a killed build has no entry");

    // Two at once: one builds, the other waits and uses it.
    let runs = [(); 2].map(|()| ipk(Stdio::piped()).spawn().unwrap());
    let outputs = runs.map(|run| run.wait_with_output().unwrap());
    let built = outputs
        .iter()
        .filter(|output| stderr(output).contains("Built the standard library"))
        .count();
    let waited = outputs
        .iter()
        .filter(|output| stderr(output).contains("another run that is at work on std "))
        .count();
    let texts = format!("{}\n---\n{}", stderr(&outputs[0]), stderr(&outputs[1]));
    assert_eq!((built, waited), (1, 1), "{texts}");
    for output in &outputs {
        assert!(output.status.success(), "{texts}");
        assert_eq!(
            package(&support::json(output))["sha256"],
            good,
            "the same library, the same bytes"
        );
    }

    // One byte of one library changed, its size and time as they were.
    let lib = entry.join("sysroot/lib/rustlib/mips-unknown-linux-musl/lib");
    let file = std::fs::read_dir(&lib)
        .unwrap()
        .map(|file| file.unwrap().path())
        .find(|path| {
            path.file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .starts_with("liballoc-")
        })
        .unwrap();
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let time = std::fs::metadata(&file).unwrap().modified().unwrap();
    std::fs::remove_file(&file).unwrap();
    std::fs::write(&file, &bytes).unwrap();
    std::fs::File::options()
        .write(true)
        .open(&file)
        .unwrap()
        .set_modified(time)
        .unwrap();
    let output = ipk(Stdio::piped()).output().unwrap();
    let text = stderr(&output);
    assert!(output.status.success(), "{text}");
    assert!(
        text.contains("is not usable and is made again: sysroot/lib/")
            && text.contains("liballoc-"),
        "{text}"
    );
    assert!(
        text.contains("is corrupted") && text.contains("Built the standard library"),
        "{text}"
    );
    assert_eq!(package(&support::json(&output))["sha256"], good);
}

#[test]
fn one_run_alone_makes_the_wrappers_and_all_of_them() {
    if !project::toolchain() {
        return;
    }
    let project = Project::new();
    let cache = project::copied_cache();
    let wrappers = cache.path().join("zigbuild");
    assert!(!wrappers.exists(), "a new cache has none");
    let lock = cache.path().join("locks/zigbuild.lock");
    let held = lock::take(&lock, "this test", &Ui::default()).unwrap();

    // ARM has one more, for linking.
    let archs = ["arm_cortex-a7_neon-vfpv4", "mips_24kc"];
    let targets = ["armv7-unknown-linux-musleabihf", "mips-unknown-linux-musl"];
    // Another build of xtask may put a new one in the place of this.
    let program = cache.path().join("xtask");
    support::copy_program(Path::new(env!("CARGO_BIN_EXE_xtask")), &program);
    let told = |arch: &str| project.path(&format!("target/{arch}.stderr"));
    std::fs::create_dir_all(project.path("target")).unwrap();
    let mut runs = archs.map(|arch| {
        let command = project.xtask(&["ipk", arch]);
        let mut copied = Command::new(&program);
        copied
            .args(command.get_args())
            .envs(
                command
                    .get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            )
            .env("XTASK_CACHE_DIR", cache.path())
            .stderr(File::create(told(arch)).unwrap());
        for (name, _) in command.get_envs().filter(|(_, value)| value.is_none()) {
            copied.env_remove(name);
        }
        Run(copied.spawn().unwrap())
    });
    let note = "waiting for another run that is at work on the wrappers of cargo-zigbuild";
    let started = Instant::now();
    for (arch, run) in archs.iter().zip(&mut runs) {
        let text = || std::fs::read_to_string(told(arch)).unwrap();
        while !text().contains(note) {
            let ended = run.0.try_wait().unwrap();
            let late = started.elapsed() > Duration::from_secs(1200);
            assert!(ended.is_none() && !late, "{arch}, {ended:?}: {}", text());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    assert!(!wrappers.exists(), "made while another run was at work");
    std::fs::remove_file(&program).unwrap();
    drop(held);
    for (arch, run) in archs.iter().zip(&mut runs) {
        let status = run.0.wait().unwrap();
        let text = std::fs::read_to_string(told(arch)).unwrap();
        assert!(status.success(), "{arch}: {text}");
    }

    // What was compiled and linked since found everything that it needs.
    let modified = |path: &Path| path.metadata().unwrap().modified().unwrap();
    let made = wrappers.join("cargo-zigbuild");
    let ready = targets.map(|target| modified(&made.join(format!("ready-{target}"))));
    let files: Vec<_> = walkdir::WalkDir::new(&made)
        .into_iter()
        .map(|entry| entry.unwrap().into_path())
        .filter(|path| path.is_file())
        .collect();
    let named = |name: &str| files.iter().any(|file| file.ends_with(name));
    assert!(
        named("aeabi_unaligned.c") && named("zigranlib.sh"),
        "{files:?}"
    );
    for file in &files {
        let name = file.file_name().unwrap().to_str().unwrap();
        let latest = targets
            .iter()
            .zip(ready)
            .find(|(target, _)| name.contains(*target));
        let latest = latest.map_or(ready.into_iter().max().unwrap(), |(_, ready)| ready);
        assert!(modified(file) <= latest, "{} is newer", file.display());
    }
}

/// Ended with the test.
struct Run(Child);

impl Drop for Run {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
