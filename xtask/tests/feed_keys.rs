//! Keys and signatures, and that other programs than ours verify them.

#[path = "support/feeds.rs"]
mod feeds;
mod support;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use feeds::{Project, RELEASES, program, stderr};

fn run(dir: &Path, program: &str, args: &[&str]) -> String {
    let output = Command::new(program)
        .args(args)
        .current_dir(dir)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{program} {args:?}: {}",
        stderr(&output)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn signify_verifies_what_opkg_will() {
    if !program("signify-openbsd") {
        return;
    }
    let project = Project::new();
    let dir = project.feed("24.10");
    for (signature, file) in [
        ("Packages.sig", "Packages"),
        ("sha256sums.sig", "sha256sums"),
    ] {
        let args = ["-V", "-p", "key-build.pub", "-x", signature, "-m", file];
        run(&dir, "signify-openbsd", &args);
    }
    run(&dir, "sha256sum", &["--check", "--strict", "sha256sums"]);

    // Our secret key in their hands, under the name that signify wants.
    let keys = tempfile::tempdir().unwrap();
    let ours = keys.path().join("ours.sec");
    std::fs::copy(project.key("key-build"), &ours).unwrap();
    let own = keys.path().join("own.sig");
    let [ours, own] = [&ours, &own].map(|path| path.to_str().unwrap());
    let args = ["-S", "-s", ours, "-x", own, "-m", "Packages"];
    run(&dir, "signify-openbsd", &args);
    let second = |text: String| text.lines().nth(1).unwrap().to_owned();
    let signatures = [Path::new(own), &dir.join("Packages.sig")]
        .map(|path| second(std::fs::read_to_string(path).unwrap()));
    assert_eq!(
        signatures[0], signatures[1],
        "Ed25519 signs to the same bytes"
    );

    // A key that signify made, and a signature by it over our feed.
    let args = ["-G", "-n", "-p", "theirs.pub", "-s", "theirs.sec"];
    run(keys.path(), "signify-openbsd", &args);
    let secret = keys.path().join("theirs.sec");
    let mut feed = project.feed_command("24.10", &["--key"]);
    support::run(feed.arg(&secret));
    let public = keys.path().join("theirs.pub");
    let public = public.to_str().unwrap();
    let args = ["-V", "-p", public, "-x", "Packages.sig", "-m", "Packages"];
    run(&dir, "signify-openbsd", &args);
    let place = dir.to_str().unwrap();
    assert!(project.verify(place, &["--key", public]).status.success());
    let args = [
        "-S",
        "-s",
        secret.to_str().unwrap(),
        "-x",
        "Packages.sig",
        "-m",
        "Packages",
    ];
    run(&dir, "signify-openbsd", &args);
    let said = stderr(&project.verify(place, &["--key", public]));
    assert!(
        !said.contains("/Packages: "),
        "Ed25519 signs to the same bytes: {said}"
    );
}

#[test]
fn openssl_verifies_what_apk_will() {
    if !program("openssl") {
        return;
    }
    let project = Project::new();
    let dir = project.feed("25.12");
    let verify = ["dgst", "-sha512", "-verify", "public-key.pem", "-signature"];
    let sums = [&verify[..], &["sha256sums.sig", "sha256sums"]].concat();
    assert_eq!(run(&dir, "openssl", &sums), "Verified OK\n");

    // The index: what is signed is put together here from the format's text.
    let index = std::fs::read(dir.join("packages.adb")).unwrap();
    let mut stream = Vec::new();
    std::io::Read::read_to_end(
        &mut flate2::read::DeflateDecoder::new(&index[4..]),
        &mut stream,
    )
    .unwrap();
    let word = |at: usize| u32::from_le_bytes(stream[at..at + 4].try_into().unwrap()) as usize;
    let adb = &stream[12..8 + word(8)];
    let next = 8 + word(8).next_multiple_of(8);
    assert_eq!(word(next) >> 30, 1, "a signature follows");
    let block = &stream[next + 4..next + (word(next) & 0x3fff_ffff)];
    let hash = <sha2::Sha512 as sha2::Digest>::digest(adb);
    let temp = tempfile::tempdir().unwrap();
    let message = [b"indx", &block[..18], &hash[..]].concat();
    std::fs::write(temp.path().join("message"), message).unwrap();
    std::fs::write(temp.path().join("signature"), &block[18..]).unwrap();
    std::fs::copy(
        dir.join("public-key.pem"),
        temp.path().join("public-key.pem"),
    )
    .unwrap();
    let args = [&verify[..], &["signature", "message"]].concat();
    assert_eq!(run(temp.path(), "openssl", &args), "Verified OK\n");

    // Our secret key in their hands, as in apk's, which reads it with openssl.
    let ours = project.key("private-key.pem");
    let ours = ours.to_str().unwrap();
    let public = run(&dir, "openssl", &["pkey", "-in", ours, "-pubout"]);
    let own = std::fs::read_to_string(dir.join("public-key.pem")).unwrap();
    assert_eq!(public, own);
    let by_them = temp.path().join("by-them");
    let by_them = by_them.to_str().unwrap();
    let sign = [
        "dgst",
        "-sha512",
        "-sign",
        ours,
        "-out",
        by_them,
        "sha256sums",
    ];
    run(&dir, "openssl", &sign);
    std::fs::copy(by_them, dir.join("sha256sums.sig")).unwrap();
    let place = dir.to_str().unwrap();
    assert!(project.verify(place, &[]).status.success());

    // Keys in the forms that openssl writes.
    let make = [
        "ecparam",
        "-name",
        "prime256v1",
        "-genkey",
        "-out",
        "sec1.pem",
    ];
    run(temp.path(), "openssl", &make);
    let convert = [
        "pkcs8",
        "-topk8",
        "-nocrypt",
        "-in",
        "sec1.pem",
        "-out",
        "pkcs8.pem",
    ];
    run(temp.path(), "openssl", &convert);
    let public = ["ec", "-in", "sec1.pem", "-pubout", "-out", "theirs.pub"];
    run(temp.path(), "openssl", &public);
    let mut indexes = Vec::new();
    for name in ["sec1.pem", "pkcs8.pem"] {
        let mut feed = project.feed_command("25.12", &["--key"]);
        support::run(feed.arg(temp.path().join(name)));
        let theirs = temp.path().join("theirs.pub");
        let output = project.verify(dir.to_str().unwrap(), &["--key", theirs.to_str().unwrap()]);
        assert!(output.status.success(), "{}", stderr(&output));
        indexes.push(std::fs::read(dir.join("packages.adb")).unwrap());
    }
    assert!(indexes[0] == indexes[1], "one key, one signature");
    let other = [
        "ecparam",
        "-name",
        "secp384r1",
        "-genkey",
        "-noout",
        "-out",
        "other.pem",
    ];
    run(temp.path(), "openssl", &other);
    let mut feed = project.feed_command("25.12", &["--key"]);
    let output = feed.arg(temp.path().join("other.pem")).output().unwrap();
    assert!(stderr(&output).contains("no EC private key on the curve prime256v1"));
}

#[test]
fn secret_keys_are_the_owner_s_and_outside_of_checkouts() {
    let project = Project::new();
    for (name, mode) in [
        ("key-build", 0o600),
        ("private-key.pem", 0o600),
        ("key-build.pub", 0o644),
        ("public-key.pem", 0o644),
        ("", 0o700),
    ] {
        let found = std::fs::metadata(project.key(name)).unwrap().permissions();
        assert_eq!(found.mode() & 0o777, mode, "{name}");
    }
    let before = std::fs::read(project.key("key-build")).unwrap();
    let output = project.xtask(&["keygen"]).output().unwrap();
    assert!(stderr(&output).contains("is there already, and routers may trust it"));
    assert_eq!(std::fs::read(project.key("key-build")).unwrap(), before);

    let root = support::root();
    let output = project
        .xtask(&["keygen", "--dir"])
        .arg(root.join("keys"))
        .output()
        .unwrap();
    assert!(
        stderr(&output).contains("secret keys belong elsewhere"),
        "{}",
        stderr(&output)
    );
    assert!(!root.join("keys").exists());

    let other = tempfile::tempdir().unwrap();
    let mut dry = project.xtask(&["keygen", "--dry-run", "--dir"]);
    let output = support::run(dry.arg(other.path()));
    assert_eq!(
        String::from_utf8_lossy(&output.stdout)
            .matches("would write")
            .count(),
        4
    );
    assert_eq!(std::fs::read_dir(other.path()).unwrap().count(), 0);
    let planned = support::json(&support::run(dry.arg("--json")));
    assert_eq!(planned["keys"][1]["kind"], "ec");
    assert!(planned["keys"][1]["id"].is_null());

    // A folder that was there keeps its mode: it may be everybody's.
    std::fs::set_permissions(other.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    support::run(project.xtask(&["keygen", "--dir"]).arg(other.path()));
    let mode = |name: &str| {
        let found = std::fs::metadata(other.path().join(name)).unwrap();
        found.permissions().mode() & 0o777
    };
    assert_eq!((mode(""), mode("key-build")), (0o755, 0o600));

    let mut permissions = std::fs::metadata(project.key("key-build"))
        .unwrap()
        .permissions();
    permissions.set_mode(0o644);
    std::fs::set_permissions(project.key("key-build"), permissions).unwrap();
    let output = support::run(&mut project.feed_command("24.10", &[]));
    assert!(stderr(&output).contains("others may read the secret key"));
}

#[test]
fn keys_from_the_environment_and_none_at_all() {
    let project = Project::new();
    for ((release, _), (variable, name)) in RELEASES.into_iter().zip([
        ("XTASK_USIGN_KEY", "key-build"),
        ("XTASK_APK_KEY", "private-key.pem"),
    ]) {
        let text = std::fs::read_to_string(project.key(name)).unwrap();
        let by_file = std::fs::read(project.feed(release).join("sha256sums.sig")).unwrap();
        std::fs::remove_file(project.key(name)).unwrap();
        let output = project.feed_command(release, &[]).output().unwrap();
        let said = stderr(&output);
        assert!(
            said.contains("`cargo xtask keygen` makes one") && said.contains(variable),
            "{said}"
        );
        let output = support::run(project.feed_command(release, &[]).env(variable, &text));
        assert!(!stderr(&output).contains("others may read"));
        let by_variable = std::fs::read(project.dir(release).join("sha256sums.sig")).unwrap();
        assert_eq!(by_variable, by_file);
        let output = project
            .feed_command(release, &[])
            .env(variable, "SECRET")
            .output()
            .unwrap();
        let said = stderr(&output);
        assert!(
            said.contains(&format!("${variable}")) && !said.contains("SECRET\n"),
            "{said}"
        );
        assert!(!said.contains("\"SECRET\""), "{said}");

        let output = support::run(&mut project.feed_command(release, &["--unsigned"]));
        assert!(stderr(&output).contains("refuses the feed"));
        let output = project.verify(project.dir(release).to_str().unwrap(), &[]);
        assert_eq!(
            output.status.code(),
            Some(1),
            "an unsigned feed is nobody's"
        );
    }
}
