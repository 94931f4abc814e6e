//! Whoever runs `ipk --backend sdk`, wherever its daemon is, and however a run
//! ends: what is left is right.

#[path = "support/project.rs"]
mod project;
#[path = "support/sdk_base.rs"]
mod sdk_base;
#[path = "support/sdk_root.rs"]
mod sdk_root;
mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sdk_root::{Root, built, containers, greeter, names, stderr};
use serde_json::Value;
use xtask::fingerprint::hash_file;
use xtask::util::process;

const IPK: &str = "greeter_1.2.0~rc1-r3_x86_64_run.ipk";

/// One after the other: they share an image and the machine's daemon.
#[test]
fn runs_leave_what_they_should_whoever_runs_them() {
    let Some(root) = Root::new("x86_64_run") else {
        return;
    };
    let tag = root.image();
    let good = built(&root.ipk(&greeter(), &[]).output().unwrap());
    assert_eq!(good["verdict"], "cached");
    let good = good["sha256"].as_str().unwrap();
    somebody_else(&root, good);
    another_machine(&root, &tag, good);
    killed_and_two_at_once(&root, &tag, good);
    interrupted(&root, &tag);
}

/// Neither root nor the image's user, with a source that only the owner reads.
fn somebody_else(root: &Root, good: &str) {
    const UID: &str = "1234";
    let project = greeter();
    let socket = socket();
    let group = std::fs::metadata(&socket).unwrap().gid().to_string();
    // Only root can read the shadow file.
    if process::find_program("setpriv").is_none() || std::fs::File::open("/etc/shadow").is_err() {
        support::group(
            "docker",
            Some("only root can build as another user, with setpriv"),
        );
        return;
    }
    // Their HOME, a cargo that they may run (it only answers `metadata`), xtask.
    let home = tempfile::tempdir().unwrap();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let metadata = Command::new(cargo)
        .args(["metadata", "--no-deps", "--format-version=1"])
        .current_dir(project.dir.path())
        .output()
        .unwrap();
    std::fs::write(home.path().join("metadata.json"), metadata.stdout).unwrap();
    support::program(
        &home.path().join("cargo"),
        "#!/bin/sh\ncat \"${0%/*}/metadata.json\"\n",
    );
    let xtask = Path::new(env!("CARGO_BIN_EXE_xtask"));
    support::copy_program(xtask, &home.path().join("xtask"));
    for dir in [home.path().to_owned(), root.path(""), project.path("")] {
        std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let secret = project.path("files/greeter.config");
    std::fs::set_permissions(secret, std::fs::Permissions::from_mode(0o600)).unwrap();
    for dir in [home.path(), project.dir.path(), &root.path("")] {
        let done = Command::new("chown")
            .args(["-R", &format!("{UID}:{UID}")])
            .arg(dir)
            .status();
        assert!(done.unwrap().success());
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", UID, "--regid", UID, "--groups", &group]);
    let ipk = root.ipk(&project, &[]);
    let output = command
        .arg(home.path().join("xtask"))
        .args(ipk.get_args())
        .current_dir(project.dir.path())
        .env("CARGO_MANIFEST_DIR", root.path("xtask"))
        .env("CARGO", home.path().join("cargo"))
        .env("HOME", home.path())
        .env_remove("XTASK_CACHE_DIR")
        .env_remove("XDG_CACHE_HOME")
        .output()
        .unwrap();
    let package = built(&output);
    assert_eq!(package["sha256"], good);
    assert!(
        stderr(&output).contains("its user could not read files/greeter.config in a mount"),
        "{}",
        stderr(&output)
    );
    let dist = project.path("dist/24.10/x86_64_run");
    for name in ["", IPK, "build.log"] {
        let owner = std::fs::metadata(dist.join(name)).unwrap();
        assert_eq!((owner.uid(), owner.gid()), (1234, 1234), "{name}");
    }
    let back = Command::new("chown")
        .args(["-R", "0:0"])
        .arg(root.path(""))
        .status();
    assert!(back.unwrap().success());
}

fn socket() -> PathBuf {
    let host = std::env::var("DOCKER_HOST").unwrap_or_default();
    PathBuf::from(
        host.strip_prefix("unix://")
            .unwrap_or("/var/run/docker.sock"),
    )
}

/// A daemon behind a network knows none of this machine's folders.
fn another_machine(root: &Root, tag: &str, good: &str) {
    let project = greeter();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            std::thread::spawn(move || forward(client));
        }
    });
    let run = root
        .ipk(
            &project,
            &["--artifacts", project.path("artifacts").to_str().unwrap()],
        )
        .env("DOCKER_HOST", format!("tcp://{address}"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let started = Instant::now();
    let mounts = loop {
        assert!(started.elapsed() < Duration::from_secs(60), "no container");
        match containers(tag).into_iter().next() {
            Some(mounts) if mounts.contains("\"Type\"") => break mounts,
            _ => std::thread::sleep(Duration::from_millis(20)),
        }
    };
    let package = built(&run.wait_with_output().unwrap());
    assert_eq!(package["sha256"], good);
    assert!(
        mounts.contains("\"volume\"") && !mounts.contains("\"bind\""),
        "{mounts}"
    );
    // --artifacts: the log and the stamps there, the package where it belongs.
    assert_eq!(
        names(&project.path("artifacts")),
        ["build.log", "stamps.after", "stamps.before"]
    );
    let provenance = format!("{IPK}.provenance.json");
    let made = names(&project.path("dist/24.10/x86_64_run"));
    assert_eq!(made, [IPK, &provenance]);
    let stamps = std::fs::read_to_string(project.path("artifacts/stamps.after")).unwrap();
    assert!(
        stamps.contains("/staging_dir/hostpkg/stamp/.rust_installed\n"),
        "{stamps}"
    );
}

/// Both ways at once until one side ends.
fn forward(client: TcpStream) {
    let Ok(daemon) = UnixStream::connect(socket()) else {
        return;
    };
    let (mut from, mut to) = (client.try_clone().unwrap(), daemon.try_clone().unwrap());
    let up = std::thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
    let (mut from, mut to) = (daemon, client);
    let mut piece = vec![0; 1 << 16];
    // As it comes: an attached container's output must not wait.
    while let Ok(length @ 1..) = from.read(&mut piece) {
        if to.write_all(&piece[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
    let _ = up.join();
}

fn killed_and_two_at_once(root: &Root, tag: &str, good: &str) {
    let project = greeter();
    let dist = project.path("dist/24.10/x86_64_run");
    let seed = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .subsec_nanos();
    println!("seed {seed}");
    let mut random = u64::from(seed) | 1;
    for _ in 0..5 {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let mut run = root
            .ipk(&project, &[])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(100 + random % 2000));
        let group = format!("-{}", run.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        let ended = run.wait().unwrap().success();
        // What has its name is whole, and the record comes last.
        let package = hash_file(&dist.join(IPK)).ok();
        let told = result(&dist);
        assert!(package.is_none() || package.as_deref() == Some(good));
        let finished = told["package"]["sha256"] == good && package.is_some();
        assert!(told.is_null() || finished, "a killed run left {told:#}");
        assert!(finished || !ended);
        for name in [IPK, "build.log", "build.sdk.json"] {
            let _ = std::fs::remove_file(dist.join(name));
        }
    }
    // From here on a build takes long enough for another to wait for it.
    let recipe = project.path("openwrt/greeter/Makefile");
    let text = std::fs::read_to_string(&recipe).unwrap();
    let slow = text.replace("# >>> package", "$(shell sleep 0.4)\n# >>> package");
    assert_ne!(slow, text);
    std::fs::write(&recipe, slow).unwrap();
    let run = || {
        root.ipk(&project, &[])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let runs = [run(), run()];
    let outputs = runs.map(|run| run.wait_with_output().unwrap());
    for output in &outputs {
        assert_eq!(built(output)["sha256"], good);
    }
    let waited = outputs
        .iter()
        .filter(|output| {
            stderr(output).contains("waiting for another run that is at work on greeter")
        })
        .count();
    assert_eq!(
        waited,
        1,
        "{}\n{}",
        stderr(&outputs[0]),
        stderr(&outputs[1])
    );
    let left = names(&dist);
    // Files that have no name yet may be left of runs that were killed.
    let named: Vec<&String> = left.iter().filter(|name| !name.starts_with('.')).collect();
    let provenance = format!("{IPK}.provenance.json");
    assert_eq!(named, ["build.log", IPK, &provenance]);
    waited_and_killed(run(), run, &dist);
    let _ = built(&run().wait_with_output().unwrap());
    assert_eq!(containers(tag), Vec::<String>::new(), "containers are left");
}

/// What the run left that it waited for is not its own.
fn waited_and_killed(first: Child, run: impl Fn() -> Child, dist: &Path) {
    let partial = dist.join("build.log.partial");
    let at_work = || {
        let started = Instant::now();
        while !partial.exists() {
            assert!(started.elapsed() < Duration::from_secs(60), "no log");
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    at_work();
    let mut second = run();
    let mut said = BufReader::new(second.stderr.take().unwrap()).lines();
    assert!(
        said.by_ref()
            .map(Result::unwrap)
            .any(|line| line.contains("waiting for another run"))
    );
    let _ = built(&first.wait_with_output().unwrap());
    at_work();
    second.kill().unwrap();
    second.wait().unwrap();
    drop(said);
    assert_eq!(result(dist), Value::Null);
}

/// What the record of the last build says.
fn result(dist: &Path) -> Value {
    let Ok(text) = std::fs::read(dist.join("build.sdk.json")) else {
        return Value::Null;
    };
    serde_json::from_slice::<Value>(&text).unwrap()["result"].take()
}

/// Ctrl-C: the container goes, and the program says so.
fn interrupted(root: &Root, tag: &str) {
    let project = greeter();
    let run = root
        .ipk(&project, &[])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .unwrap();
    let partial = project.path("dist/24.10/x86_64_run/build.log.partial");
    let started = Instant::now();
    while std::fs::metadata(&partial).map_or(0, |file| file.len()) == 0 {
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "it did not begin"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    let group = format!("-{}", run.id());
    let done = Command::new("kill").args(["-INT", "--", &group]).status();
    assert!(done.unwrap().success());
    let output = run.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("stopped: nothing was written"),
        "{}",
        stderr(&output)
    );
    assert_eq!(containers(tag), Vec::<String>::new());
    assert_eq!(names(partial.parent().unwrap()), ["build.log.partial"]);
}
