//! Images and a real registry on loopback: push, pull, pin; and certificates
//! that must reach a build and stay out of the image.

#[path = "../support/image_copy.rs"]
mod image_copy;
mod registry;
#[path = "../support/sdk_base.rs"]
mod sdk_base;
#[path = "../support/mod.rs"]
mod support;

use std::path::Path;
use std::process::{Command, Stdio};

use image_copy::{Copy, docker, exists, fails, stderr};
use registry::{Registry, small, tiny};

#[test]
fn a_team_builds_each_image_once() {
    let Some(registry) = Registry::start() else {
        return;
    };
    let Some(copy) = small() else { return };
    let place = format!("{}/team", registry.name);
    // Nobody pushed it yet: that is said, and it is built.
    let output = support::run(&mut copy.image(&["--json", "--pull", &place, "--push", &place]));
    let image = support::json(&output)["images"][0].clone();
    let said = stderr(&output);
    assert!(said.contains("nobody pushed it yet"), "{said}");
    assert_eq!(image["state"], "built");
    let tag = copy.tag();
    let there = format!("{place}/{tag}");
    assert_eq!(image["pushed"], there);
    assert!(!exists(&there), "the registry's name is not kept here");
    // Another machine.
    docker(&["rmi", &tag, image_copy::ALIAS]);
    let mut command = copy.image(&["--json", "--pull", &place]);
    let calls = copy.spy(&mut command);
    let output = support::run(&mut command);
    assert_eq!(support::json(&output)["images"][0]["state"], "pulled");
    let calls = std::fs::read_to_string(calls).unwrap();
    assert!(
        !calls.lines().any(|call| call.starts_with("build")),
        "{calls}"
    );
    assert!(exists(&tag) && exists(image_copy::ALIAS) && !exists(&there));
    // Nothing is asked of the registry when it is there.
    let said = stderr(&support::run(&mut copy.image(&["--pull", "127.0.0.1:9/x"])));
    assert!(said.contains("nothing to do"), "{said}");

    // Somebody pushed another image under that name.
    docker(&["rmi", &tag, image_copy::ALIAS]);
    tiny(&there, "another");
    docker(&["push", "-q", &there]);
    docker(&["rmi", &there]);
    let said = fails(&mut copy.image(&["--pull", &place]));
    assert!(
        said.contains("is not the image that its name says"),
        "{said}"
    );
    assert!(!exists(&tag) && !exists(&there) && !exists(image_copy::ALIAS));
    // A registry that does not answer is no registry without the image.
    let said = fails(&mut copy.image(&["--pull", "127.0.0.1:9/x"]));
    assert!(said.contains("without --pull it is built here"), "{said}");
    assert!(fails(&mut copy.image(&["--pull", "x y"])).contains("is no registry"));
}

#[test]
fn the_images_of_a_workflow_are_pulled_or_built_and_pushed() {
    let Some(registry) = Registry::start() else {
        return;
    };
    let Some(copy) = small() else { return };
    let place = format!("{}/team", registry.name);
    let releases = ["24.10", "25.12"];
    let images = |args: &[&str], registry: &str| {
        let args = [&["ci", "image", image_copy::ARCH, "--json"], args].concat();
        let mut command = copy.xtask(&args);
        let output = support::run(command.env("XTASK_REGISTRY", registry));
        let report = support::json(&output);
        assert_eq!(report["failures"], serde_json::json!([]));
        (report["images"].clone(), stderr(&output))
    };
    let (built, _) = images(&["--push"], &place);
    let mut tags = Vec::new();
    for (image, release) in built.as_array().unwrap().iter().zip(releases) {
        assert_eq!(image["release"], release);
        assert_eq!(image["state"], "built");
        let tag = image["tag"].as_str().unwrap();
        assert_eq!(image["pushed"], format!("{place}/{tag}"));
        tags.push(tag);
    }
    // The runner of the next job, which is to push nothing.
    docker(&[&["rmi", image_copy::ALIAS], &tags[..]].concat());
    let (pulled, _) = images(&[], &place);
    assert_eq!(pulled.as_array().unwrap().len(), releases.len());
    for image in pulled.as_array().unwrap() {
        assert_eq!(
            (&image["state"], image["pushed"].is_null()),
            (&"pulled".into(), true)
        );
    }
    // A repository without a registry has an empty variable.
    let (none, said) = images(&[], "");
    assert_eq!(none, serde_json::json!([]));
    assert!(said.contains("built natively"), "{said}");
    let (_, said) = images(&["--dry-run", "--registry", &place], "");
    assert_eq!(said.matches("nothing to do").count(), 2, "{said}");
    let wrong = [
        "ci",
        "image",
        image_copy::ARCH,
        "--registry",
        "x y",
        "--push",
    ];
    let said = fails(&mut copy.xtask(&wrong));
    for release in releases {
        assert!(said.contains(&format!("release {release}: ")), "{said}");
    }
}

#[test]
fn the_base_is_pinned() {
    let Some(registry) = Registry::start() else {
        return;
    };
    let Some(copy) = small() else { return };
    let base = format!("{}/sdk:aarch64_xtask-24.10.8", registry.name);
    let template = format!("{}/sdk:{{arch}}-{{version}}", registry.name);
    copy.edit("openwrt/sdk.toml", |text| {
        let at = text.find("\nbase = ").unwrap() + 1;
        let old = text[at..].lines().next().unwrap().to_owned();
        text.replace(&old, &format!("base = {template:?} # ours"))
    });
    copy.edit("openwrt/Dockerfile", |text| {
        text.replace("FROM scratch", "FROM ${BASE}")
    });
    let said = fails(&mut copy.image(&["--pin"]));
    assert!(
        said.contains("a digest is what its registry says"),
        "{said}"
    );
    tiny(&base, "first");
    docker(&["push", "-q", &base]);
    let digest = || {
        let digests = docker(&[
            "image",
            "inspect",
            &base,
            "--format",
            "{{json .RepoDigests}}",
        ]);
        let at = digests.rfind("sha256:").unwrap();
        digests[at..at + 71].to_owned()
    };
    let (first, before) = (digest(), copy.read("openwrt/sdk.toml"));
    support::run(&mut copy.image(&["--pin", "--dry-run"]));
    assert_eq!(copy.read("openwrt/sdk.toml"), before);
    let output = support::run(&mut copy.image(&["--pin", "--json"]));
    assert_eq!(support::json(&output)["pins"][0]["digest"], first);
    let text = copy.read("openwrt/sdk.toml");
    let lines = format!("\n[image.digest.\"24.10\"]\naarch64_xtask = \"{first}\"\n");
    assert_eq!(text.replace(&lines, ""), before, "nothing else changed");
    // The build takes that very image, whatever the tag means by then.
    docker(&["rmi", &base]);
    let _ = Command::new(sdk_base::docker().unwrap())
        .args(["rmi", &format!("{}/sdk@{first}", registry.name)])
        .output();
    tiny(&base, "second");
    docker(&["tag", &base, "xtask-test-pin:other"]);
    std::fs::write(copy.path("openwrt/image/moved"), "").unwrap();
    support::run(&mut copy.image(&[]));
    let made = docker(&[
        "image",
        "inspect",
        &copy.tag(),
        "--format",
        "{{json .RootFS.Layers}}",
    ]);
    let other = docker(&[
        "image",
        "inspect",
        &base,
        "--format",
        "{{index .RootFS.Layers 0}}",
    ]);
    assert!(
        !made.contains(other.trim()),
        "the pinned base, not the tag's"
    );
    // The tag moves on: the next --pin says so.
    docker(&["push", "-q", &base]);
    let said = stderr(&support::run(&mut copy.image(&["--pin"])));
    assert!(
        said.contains(&format!("changed from {first} to sha256:")),
        "{said}"
    );
    assert!(!copy.read("openwrt/sdk.toml").contains(&first));
    docker(&["rmi", &base, "xtask-test-pin:other"]);
}

#[test]
fn certificates_reach_the_build_and_stay_out_of_the_image() {
    let Some(copy) = Copy::feed() else { return };
    let marker = format!("marker-{}", std::process::id());
    let file = copy.path("company.pem");
    std::fs::write(&file, format!("-----BEGIN CERTIFICATE-----\n{marker}\n")).unwrap();
    copy.edit("openwrt/image/sdk.sh", |text| {
        text.replace(
            "\ntree=/builder\n",
            "\ntree=/builder\ngrep -q '^marker-' \"$ca\"\n[ \"$GIT_SSL_CAINFO\" = \"$ca\" ]\n",
        )
    });
    let mut command = copy.image(&[]);
    support::run(command.env("SSL_CERT_FILE", &file));
    let tag = copy.tag();
    assert!(!docker(&["history", "--no-trunc", &tag]).contains(&marker));
    assert!(!docker(&["image", "inspect", &tag]).contains(&marker));
    assert!(!contains(&tag, marker.as_bytes()), "in a layer");
    let said = fails(&mut copy.image(&["--ca-bundle", "openwrt/sdk.toml", "--force"]));
    assert!(said.contains("holds no certificate in PEM form"), "{said}");
}

/// Whether the bytes stand anywhere in the image, all layers.
fn contains(image: &str, bytes: &[u8]) -> bool {
    let mut save = Command::new(sdk_base::docker().unwrap())
        .args(["save", image])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stream = save.stdout.take().unwrap();
    let mut buffer = vec![0; 1 << 20];
    let (mut kept, mut found) = (0, false);
    let finder = memchr::memmem::Finder::new(bytes);
    loop {
        let read = std::io::Read::read(&mut stream, &mut buffer[kept..]).unwrap();
        if read == 0 {
            break;
        }
        let end = kept + read;
        found |= finder.find(&buffer[..end]).is_some();
        kept = end.min(bytes.len());
        buffer.copy_within(end - kept..end, 0);
    }
    assert!(save.wait().unwrap().success());
    found
}

#[test]
fn podman_builds_it_too() {
    let program = Path::new("podman");
    let Some(base) = sdk_base::base(&[image_copy::ARCH]) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    // Limits that a container without privileges may set.
    let settings = dir.path().join("containers.conf");
    std::fs::write(
        &settings,
        "[containers]\ndefault_ulimits = [\"nofile=1024:1024\", \"nproc=1024:1024\"]\n",
    )
    .unwrap();
    let podman = |args: &[&str]| {
        Command::new(program)
            .args(args)
            .env("CONTAINERS_CONF", &settings)
            .output()
    };
    let base = base
        .replace("{arch}", image_copy::ARCH)
        .replace("{version}", &sdk_base::version());
    let loaded = || -> Result<(), String> {
        podman(&["--version"]).map_err(|_| "podman is not installed".to_owned())?;
        let save = Command::new(sdk_base::docker().unwrap())
            .args(["save", &base])
            .stdout(Stdio::piped())
            .spawn();
        let stream = save.unwrap().stdout.take().unwrap();
        let status = Command::new(program)
            .args(["load", "-q"])
            .env("CONTAINERS_CONF", &settings)
            .stdin(stream)
            .output();
        let run = podman(&["run", "--rm", &base, "true"]).map_err(|error| error.to_string())?;
        let said = stderr(&run);
        let last = said.lines().last().unwrap_or("podman run fails").to_owned();
        match status.is_ok() && run.status.success() {
            true => Ok(()),
            false => Err(last),
        }
    };
    if !support::group("podman", loaded().err().as_deref()) {
        return;
    }
    let Some(copy) = Copy::feed() else { return };
    let image = |args: &[&str]| {
        let mut command = copy.image(&[&["--engine", "podman"], args].concat());
        command.env("CONTAINERS_CONF", &settings);
        command
    };
    support::run(&mut image(&[]));
    let tag = copy.tag();
    let said = stderr(&support::run(&mut image(&[])));
    assert!(
        said.contains("nothing to do") && said.lines().count() == 1,
        "{said}"
    );
    // Its builder does not notice a file that is mounted: it must not be asked.
    copy.edit("openwrt/image/record.sh", |text| {
        text.replace(
            "export LC_ALL=C\n",
            "export LC_ALL=C\ntouch /opt/xtask/new\n",
        )
    });
    support::run(&mut image(&[]));
    let new = copy.tag();
    let found = podman(&["run", "--rm", &new, "ls", "/opt/xtask/new"]).unwrap();
    assert!(found.status.success(), "{}", stderr(&found));
    for name in [tag.as_str(), &new, image_copy::ALIAS, &base] {
        let _ = podman(&["rmi", "-f", name]);
    }
    let _ = podman(&[
        "image",
        "prune",
        "-f",
        "--filter",
        "label=org.tollgate-wrt.arch=aarch64_xtask",
    ]);
}
