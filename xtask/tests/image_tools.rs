//! What `cargo xtask image` has for those who look into an image: a shell where
//! a build failed, its layers, and pruning.

#[path = "support/image_copy.rs"]
mod image_copy;
#[path = "support/sdk_base.rs"]
mod sdk_base;
mod support;

use std::io::Write;
use std::process::Stdio;

use image_copy::{ALIAS, Copy, docker, exists, fails, stderr};

#[test]
fn a_shell_just_before_the_step_that_failed() {
    let Some(copy) = Copy::feed() else { return };
    let said = fails(&mut copy.image(&["--shell"]));
    assert!(said.contains("no step of the image for"), "{said}");
    let script = copy.read("openwrt/image/record.sh");
    copy.edit("openwrt/image/record.sh", |text| {
        text.replace(
            "export LC_ALL=C\n",
            "export LC_ALL=C\nseq 1 40 >&2\necho \"no luck with $RUST\" >&2\nexit 9\n",
        )
    });
    let certificates = copy.path("ca.pem");
    std::fs::write(&certificates, "-----BEGIN CERTIFICATE-----\nours\n").unwrap();
    let said = fails(&mut copy.image(&["--ca-bundle", "ca.pem"]));
    let failed = said
        .find("step sdk 2/3, RUN bash /run/xtask/record.sh, failed")
        .unwrap();
    let tail: Vec<&str> = said[failed..]
        .lines()
        .filter_map(|line| line.strip_prefix("    "))
        .collect();
    assert_eq!(tail.len(), 30, "{said}");
    assert_eq!((tail[0], tail[29]), ("12", "no luck with feed"));
    assert!(!exists(&copy.tag()));

    let mut shell = copy
        .image(&["--shell", "--ca-bundle", "ca.pem"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let commands = "id -un; pwd; echo \"$RUST $ARCH\"; cat /run/xtask/ca.pem\n\
                    ls -A /opt/xtask; ls staging_dir/hostpkg/stamp/.rust_installed\n\
                    bash /run/xtask/record.sh >/dev/null 2>&1; echo \"record gave $?\"; exit 5\n";
    let mut stdin = shell.stdin.take().unwrap();
    stdin.write_all(commands.as_bytes()).unwrap();
    drop(stdin);
    let output = shell.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        said.lines().collect::<Vec<_>>(),
        [
            "buildbot",
            "/builder",
            "feed aarch64_xtask",
            "-----BEGIN CERTIFICATE-----",
            "ours",
            "bake.log",
            "staging_dir/hostpkg/stamp/.rust_installed",
            "record gave 9"
        ]
    );
    assert_eq!(output.status.code(), Some(5));
    let leftover = docker(&["ps", "-a", "--format", "{{.Names}}"]);
    assert!(!leftover.contains("unfinished-shell"), "{leftover}");

    std::fs::write(copy.path("openwrt/image/record.sh"), script).unwrap();
    support::run(&mut copy.image(&[]));
    assert!(!copy.log().with_extension("failed.json").exists());
}

#[test]
fn layers_and_what_drives_them() {
    let Some(copy) = Copy::feed() else { return };
    let said = fails(&mut copy.image(&["--history"]));
    assert!(said.contains("there is no image"), "{said}");
    support::run(&mut copy.image(&[]));
    let output = support::run(&mut copy.image(&["--history", "--json"]));
    let history = support::json(&output);
    let layers = history["layers"].as_array().unwrap();
    let driven = |index: usize| -> String {
        let inputs = layers[index]["inputs"].as_array().unwrap();
        let names: Vec<&str> = inputs.iter().map(|name| name.as_str().unwrap()).collect();
        names.join(" ")
    };
    assert_eq!(driven(0), "base base.digest");
    assert!(layers[0]["size"].as_u64() > Some(1_000_000));
    assert_eq!(layers[1]["stage"], "system");
    assert_eq!(
        driven(1),
        "build-dependencies openwrt/image/common.sh openwrt/image/system.sh"
    );
    assert_eq!(layers[2]["command"], "RUN bash /run/xtask/sdk.sh");
    assert!(driven(2).contains("openwrt/config/sdk.config") && driven(2).contains("arch"));
    assert!(layers[2]["size"].as_u64() > Some(10_000));
    assert_eq!(layers.len(), 5, "few layers: {layers:#?}");
    let text = support::run(&mut copy.image(&["--history"])).stdout;
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains("driven by build-dependencies"), "{text}");
    copy.append("openwrt/Dockerfile", "# another\n");
    let text = support::run(&mut copy.image(&["--history"])).stdout;
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains("openwrt/Dockerfile changed since"), "{text}");
}

#[test]
fn prune_takes_what_nothing_uses_and_nothing_else() {
    let Some(copy) = Copy::feed() else { return };
    let prune = |args: &[&str]| copy.xtask(&[&["image", "--prune"], args].concat());
    assert!(fails(&mut prune(&[])).contains("git says"));
    copy.commit();
    support::run(&mut copy.image(&[]));
    let first = copy.tag();
    copy.git(&["branch", "kept"]);
    // One that no branch has any more, and one that only was tried out.
    copy.append("openwrt/config/sdk.config", "# tried\n");
    support::run(&mut copy.image(&[]));
    let tried = copy.tag();
    copy.append("openwrt/config/sdk.config", "# and stays\n");
    copy.commit();
    support::run(&mut copy.image(&[]));
    let last = copy.tag();
    // Somebody else's: another project's image, a name of one's own, a stranger.
    let stranger = "xtask-test-prune:stranger";
    let base = sdk_base::base(&[image_copy::ARCH]).unwrap();
    let base = base
        .replace("{arch}", image_copy::ARCH)
        .replace("{version}", &sdk_base::version());
    docker(&["tag", &base, stranger]);
    let own = "xtask-test-prune:own";
    docker(&["tag", &tried, own]);
    // No process has that number.
    let name = format!(
        "openwrt-rust-builder-unfinished-{}-999999999",
        std::process::id()
    );
    let held = docker(&["create", "--name", &name, &tried]);

    let said = stderr(&support::run(&mut prune(&["--dry-run"])));
    assert!(said.contains(&format!("Would remove {tried}")), "{said}");
    assert!(said.contains("it stays as xtask-test-prune:own"), "{said}");
    assert!(said.contains("a killed run left it"), "{said}");
    assert!(!said.contains(&first) && !said.contains(&last), "{said}");
    for image in [first.as_str(), &tried, &last] {
        assert!(exists(image), "a dry run changes nothing");
    }

    let output = support::run(&mut prune(&["--json"]));
    let report = support::json(&output);
    assert_eq!(report["removed"], true);
    assert_eq!(report["images"].as_array().unwrap().len(), 1);
    assert!(!exists(&tried), "nothing uses it");
    for image in [first.as_str(), &last, ALIAS, stranger, own, &base] {
        assert!(exists(image), "{image}");
    }
    let containers = docker(&["ps", "-a", "-q", "--no-trunc"]);
    assert!(!containers.contains(held.trim()));

    // When its branch goes, the first one goes too; a branch that cannot be
    // read could use anything.
    copy.git(&["branch", "-D", "kept"]);
    copy.git(&["checkout", "-q", "-b", "broken"]);
    copy.append("openwrt/sdk.toml", "[unknown]\n");
    copy.commit();
    copy.git(&["checkout", "-q", "main"]);
    let said = fails(&mut prune(&[]));
    assert!(
        said.contains("which images broken uses is not known"),
        "{said}"
    );
    assert!(exists(&first));
    copy.git(&["branch", "-D", "broken"]);
    copy.git(&["checkout", "-q", "--orphan", "new"]);
    copy.git(&["commit", "-q", "-m", "another project"]);
    copy.git(&["branch", "-D", "main"]);
    support::run(&mut prune(&[]));
    assert!(exists(&first), "an image of another project stays");
    docker(&["rmi", stranger, own]);
}
