//! `try` in a userland of the tests' own: in a folder, in an archive, in a
//! container. Its opkg is a double; the package's service is real.

#[path = "support/far_root.rs"]
mod far_root;
#[path = "support/far_side.rs"]
mod far_side;
mod support;

use std::path::Path;
use std::process::{Command, Output};

use far_root::FarRoot;
use far_side::{Kind, OPKG, package_of, router, stderr};

const INIT: &str = "#!/bin/sh /etc/rc.common
USE_PROCD=1
start_service() {
	local enabled
	config_load demo
	config_get_bool enabled main enabled 1
	[ \"$enabled\" = 1 ] || return 0
	procd_open_instance
	procd_set_param command /usr/bin/demo 8099 'two words'
	procd_set_param respawn
	procd_close_instance
}
";
/// Answers over HTTP, and makes a file of its own.
const SERVICE: &str = "#!/bin/sh
trap 'kill $!; echo stopping; exit 0' TERM
echo \"started with $2\"
echo state >/etc/demo.state
mkdir -p /tmp/www
printf 'hello, %s' \"$2\" >/tmp/www/index.html
busybox httpd -f -p \"127.0.0.1:$1\" -h /tmp/www &
wait $!
";
const URL: &str = "http://127.0.0.1:8099/";

fn userland() -> FarRoot {
    router(&Kind {
        archs: "x86_64\nall\n",
        ..OPKG
    })
}

fn demo(dir: &Path, init: &str, service: &str) -> String {
    let files = [
        ("etc/init.d/demo", 0o755, init.as_bytes().to_vec()),
        ("usr/bin/demo", 0o755, service.as_bytes().to_vec()),
    ];
    package_of(dir, "ipk", "1.0-r1", "x86_64", files)
}

/// `xtask try x86_64` whose temporary folder is `tmp`, and empty afterwards.
fn try_it(tmp: &Path, args: &[&str]) -> Output {
    let tmp = tmp.join("t");
    std::fs::create_dir_all(&tmp).unwrap();
    let mut command = support::xtask();
    let output = command
        .args(["try", "x86_64"])
        .args(args)
        .env("TMPDIR", &tmp)
        .output()
        .unwrap();
    assert_eq!(std::fs::read_dir(tmp).unwrap().count(), 0, "{output:?}");
    output
}

fn have() -> bool {
    // Its programs are this machine's own.
    far_root::have() && cfg!(target_arch = "x86_64")
}

#[test]
fn a_package_lives_and_goes_in_a_folder_and_in_an_archive() {
    if !have() {
        return;
    }
    let root = userland();
    let dir = tempfile::tempdir().unwrap();
    let file = demo(dir.path(), INIT, SERVICE);
    let archive = dir.path().join("root.tar.gz");
    let packed = Command::new("tar")
        .arg("-C")
        .arg(root.path(""))
        .arg("-czf")
        .arg(&archive)
        .arg(".")
        .status();
    assert!(packed.unwrap().success());
    for place in [root.path(""), archive] {
        let place = place.to_str().unwrap();
        let args = ["--rootfs", place, "--file", &file, "--ask", URL];
        let output = try_it(dir.path(), &args);
        let said = stderr(&output);
        assert!(output.status.success(), "{said}");
        for part in [
            "Installed demo 1.0-r1 by opkg",
            "run without procd: /usr/bin/demo 8099 two words",
            "Answered http://127.0.0.1:8099/ with 16 bytes",
            "Removed by opkg",
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
        let shown = String::from_utf8(output.stdout).unwrap();
        assert!(shown.contains("hello, two words"), "{shown}");
        assert!(
            shown.contains("started with two words\nstopping"),
            "{shown}"
        );
        assert!(
            shown.contains("\n/etc/demo.state\n"),
            "left behind: {shown}"
        );
    }
    assert!(
        !root.has("etc/demo.state"),
        "the folder itself is as it was"
    );
    assert!(!root.has("usr/bin/demo"));
}

#[test]
fn what_is_wrong_with_a_package_is_said() {
    if !have() {
        return;
    }
    let root = userland();
    let dir = tempfile::tempdir().unwrap();
    let place = root.path("").to_str().unwrap().to_owned();
    let faults = |init: &str, service: &str| {
        let file = demo(dir.path(), init, service);
        let args = ["--rootfs", &place, "--file", &file, "--ask", URL, "--json"];
        let output = try_it(dir.path(), &args);
        assert_eq!(output.status.code(), Some(1));
        support::json(&output)["faults"].to_string()
    };
    let silent = "#!/bin/sh\necho no\nexit 7\n";
    let said = faults(INIT, silent);
    assert!(
        said.contains("did not answer") && said.contains("ended with code 7"),
        "{said}"
    );
    let nothing = INIT.replace("enabled 1", "enabled 0");
    assert!(faults(&nothing, SERVICE).contains("its init script starts nothing"));
    let greedy = SERVICE.replace("echo state >/etc/demo.state", "rm -f /etc/group");
    assert!(faults(INIT, &greedy).contains("/etc/group went with it"));
    root.write("double/remove-code", "", 0o644);
    assert!(faults(INIT, SERVICE).contains("it was not removed"));
    root.write("double/refuse", " * no room\n", 0o644);
    let file = demo(dir.path(), INIT, SERVICE);
    let output = try_it(dir.path(), &["--rootfs", &place, "--file", &file]);
    assert!(stderr(&output).contains("it was not installed (exit code 255)"));
    assert!(String::from_utf8_lossy(&output.stdout).contains(" * no room"));
}

#[test]
fn what_cannot_be_tried_is_refused_and_a_dry_run_does_nothing() {
    if !have() {
        return;
    }
    let root = userland();
    let dir = tempfile::tempdir().unwrap();
    let place = root.path("").to_str().unwrap().to_owned();
    let file = demo(dir.path(), INIT, SERVICE);
    let output = try_it(
        dir.path(),
        &["--rootfs", &place, "--file", &file, "--dry-run"],
    );
    let said = stderr(&output);
    assert!(
        output.status.success() && said.contains("nothing was changed"),
        "{said}"
    );
    assert!(!said.contains("Copied"), "{said}");
    let output = try_it(dir.path(), &["--file", &file, "--dry-run"]);
    assert!(
        stderr(&output).contains("in openwrt/rootfs:x86_64-24.10"),
        "{}",
        stderr(&output)
    );
    let refused = |args: &[&str], why: &str| {
        let output = try_it(dir.path(), args);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(why), "{why}: {said}");
    };
    refused(
        &["--rootfs", &place, "--file", &file, "--release", "25.12"],
        "OpenWrt 25.12 has apk",
    );
    let files = [("usr/share/demo", 0o644, b"x".to_vec())];
    let mips = package_of(dir.path(), "ipk", "1.0-r1", "mips_24kc", files);
    refused(
        &["--rootfs", &place, "--file", &mips],
        "is for mips_24kc, and not for x86_64",
    );
    let empty = dir.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    refused(
        &["--rootfs", empty.to_str().unwrap(), "--file", &file],
        "has no /bin/sh",
    );
    refused(&["--rootfs", "/nowhere", "--file", &file], "copy /nowhere");
}

#[test]
fn an_image_is_tried_in_a_container() {
    let docker = Command::new("docker").arg("info").output();
    let missing = match docker {
        Ok(output) if output.status.success() => None,
        _ => Some("no Docker Engine answers"),
    };
    if !have() || !support::group("docker", missing) {
        return;
    }
    let root = userland();
    let dir = tempfile::tempdir().unwrap();
    let file = demo(dir.path(), INIT, SERVICE);
    let archive = dir.path().join("root.tar");
    let packed = Command::new("tar")
        .arg("-C")
        .arg(root.path(""))
        .arg("-cf")
        .arg(&archive)
        .arg(".")
        .status();
    assert!(packed.unwrap().success());
    let image = format!("xtask-try-test:{}", std::process::id());
    let made = Command::new("docker")
        .arg("import")
        .arg(&archive)
        .arg(&image)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let output = try_it(
        dir.path(),
        &["--image", &image, "--file", &file, "--ask", URL],
    );
    let left = Command::new("docker")
        .args([
            "ps",
            "--all",
            "--quiet",
            "--filter",
            &format!("ancestor={image}"),
        ])
        .output()
        .unwrap();
    let removed = Command::new("docker")
        .args(["rmi", "--force", &image])
        .output()
        .unwrap();
    let said = stderr(&output);
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("procd does not run in this container"),
        "{said}"
    );
    assert!(said.contains("Answered http://127.0.0.1:8099/"), "{said}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("\n/etc/demo.state\n"));
    assert!(left.stdout.is_empty() && removed.status.success());
}
