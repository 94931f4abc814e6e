//! Each rule of `inspect` about apk packages: one that breaks only it, and one
//! that almost does.

#[path = "support/apk_file.rs"]
mod apk_file;

use apk_file::{Apk, POST_INSTALL, dir, file, inspect, link};
use xtask::inspect::Severity::{self, Error, Info, Warning};
use xtask::keys::ec::Secret;
use xtask::package::adb::block::{BlockKind, Schema};
use xtask::package::adb::schema::file::{REGULAR, SYMLINK};
use xtask::package::adb::sign;

/// What is changed, and every finding that this makes.
type Case = (
    &'static str,
    fn(&mut Apk),
    &'static [(&'static str, Severity)],
);

fn check(cases: &[Case]) {
    for (name, change, expected) in cases {
        let mut apk = Apk::default();
        change(&mut apk);
        assert_eq!(apk.rules(), *expected, "{name}");
    }
}

#[test]
#[rustfmt::skip] // a case is a line
fn fields() {
    check(&[
        ("good", |_| (), &[]),
        ("no name", |a| a.text(1, ""), &[("field-missing", Error), ("list-missing", Warning)]),
        ("no version", |a| a.text(2, ""), &[("field-missing", Error)]),
        ("no arch", |a| a.text(5, ""), &[("field-missing", Error)]),
        ("name characters", |a| { a.text(1, "a b"); a.dirs[2].files[0].name = "a b.list".into(); }, &[("package-name", Error)]),
        ("opkg's version", |a| a.text(2, "1~rc1-r1"), &[("version", Error)]),
        ("version", |a| a.text(2, "1_rc1-r1"), &[]),
        ("commit", |a| a.text(2, "1~0a1b2c3d-r1"), &[]),
        ("opkg's arch", |a| a.text(5, "all"), &[("architecture", Error)]),
        ("no arch at all", |a| a.text(5, "noarch"), &[]),
        ("foreign arch", |a| a.text(5, "arm64"), &[("architecture", Error)]),
        ("unknown arch", |a| a.text(5, "sparc_v9"), &[("architecture-unknown", Info)]),
        ("dependencies", |a| a.text(15, "a>=1.0 b c<2 d~1"), &[]),
        ("no dependency", |a| a.text(15, "a (b"), &[("dependency", Error)]),
        ("no provided name", |a| a.text(16, "ä"), &[("dependency", Error)]),
        ("installed-size", |a| a.installed_size = Some(13), &[("installed-size", Warning)]),
        ("id", |a| a.wrong_id = true, &[("unique-id", Warning)]),
    ]);
}

#[test]
#[rustfmt::skip] // a case is a line
fn scripts_and_lists() {
    check(&[
        ("no post-install", |a| { a.scripts.remove(0); }, &[("script-default", Warning)]),
        ("own script", |a| a.scripts.push(("pre-install", "#!/bin/sh\n[ -z \"$IPKG_INSTROOT\" ]\n".into())), &[]),
        ("no interpreter", |a| a.scripts[0].1 = POST_INSTALL.replace("#!/bin/sh\n", ""), &[("script-interpreter", Error)]),
        ("no guard", |a| a.scripts.push(("post-deinstall", "#!/bin/sh\nrm x\n".into())), &[("script-guard", Warning)]),
        ("not listed", |a| a.dirs[1].files.push(file("b", b"x")), &[("list", Warning)]),
        ("empty and listed", |a| a.add(file("b", b"")), &[]),
        ("listed only", |a| a.dirs[2].files[0].content = b"/etc/a\n/etc/b\n".to_vec(), &[("list", Warning)]),
        ("no list", |a| { a.dirs.pop(); }, &[("list-missing", Warning)]),
        ("settings", |a| a.dirs.push(dir("etc/config", vec![file("x", b"1")])), &[("list", Warning), ("conffile-unlisted", Warning)]),
        ("conffile", |a| {
            a.dirs[2].files[0].content = b"/etc/a\n/etc/config/x\n".to_vec();
            a.dirs[2].files.push(file("x.conffiles", b"/etc/config/x\n"));
            a.dirs.push(dir("etc/config", vec![file("x", b"1")]));
        }, &[]),
        ("conffiles as a directory", |a| {
            a.dirs[2].files[0].content = b"/etc/a\n/etc/config/x\n".to_vec();
            a.dirs[2].files.push(file("x.conffiles", b"/etc/config/\n"));
            a.dirs.push(dir("etc/config", vec![file("x", b"1")]));
        }, &[]),
        ("conffile's hash", |a| {
            a.dirs[2].files.push(file("x.conffiles", b"/etc/a\n"));
            a.dirs[2].files.push(file("x.conffiles_static", b"/etc/a 00\n"));
        }, &[("conffile-hash", Warning)]),
    ]);
}

#[test]
#[rustfmt::skip] // a case is a line
fn files_and_links() {
    check(&[
        ("setuid", |a| { let mut f = file("b", b"x"); f.mode = 0o4755; a.add(f); }, &[("mode", Warning)]),
        ("owner", |a| { let mut f = file("b", b"x"); f.user = "me".into(); a.add(f); }, &[("owner", Warning)]),
        ("symlink", |a| a.add(link("b", SYMLINK, "a")), &[]),
        ("hard link", |a| a.add(link("b", REGULAR, "etc/a")), &[]),
        ("hard link to nothing", |a| a.add(link("b", REGULAR, "etc/none")), &[("hardlink-missing", Error)]),
        ("hard link out", |a| a.add(link("b", REGULAR, "../etc/a")), &[("hardlink-path", Error)]),
        ("device", |a| a.add(link("b", 0o20_000, "12345678")), &[("file-kind", Error)]),
        ("directory out", |a| a.dirs.push(dir("../x", vec![])), &[("path", Error)]),
        ("twice", |a| a.dirs[1].files.push(file("a", b"content")), &[("path-twice", Error)]),
        ("init script", |a| { a.dirs.push(dir("etc/init.d", vec![file("x", b"1")])); a.dirs[2].files[0].content = b"/etc/a\n/etc/init.d/x\n".to_vec(); }, &[("init-script", Error)]),
        ("other content", |a| a.dirs[1].files[0].hash = Some(vec![7; 32]), &[("file-hash", Error)]),
        ("other size", |a| { a.dirs[1].files[0].size = Some(8); a.installed_size = Some(7); }, &[("data-order", Error), ("data-order", Error), ("data-missing", Error), ("data-missing", Error), ("installed-size", Warning), ("list-missing", Warning)]),
        ("no content", |a| a.change = |blocks| { blocks.pop(); }, &[("data-missing", Error), ("installed-size", Warning), ("list-missing", Warning)]),
    ]);
}

#[test]
#[rustfmt::skip] // a case is a line
fn blocks_in_their_order() {
    check(&[
        ("signature behind files", |a| a.change = |blocks| blocks.push((BlockKind::Signature, vec![0; 20])), &[("block-order", Error)]),
        ("values twice", |a| a.change = |blocks| { let first = blocks[0].clone(); blocks.push(first); }, &[("block-order", Error)]),
        ("no signature", |a| a.change = |blocks| blocks.insert(1, (BlockKind::Signature, vec![0; 20])), &[("signature", Error)]),
        ("files in another order", |a| a.change = |blocks| blocks.swap(1, 2), &[("data-order", Error), ("data-missing", Error), ("installed-size", Warning), ("list-missing", Warning)]),
        ("an index", |a| a.schema = Schema::Index, &[("container", Error)]),
    ]);
    let signed = |blocks: &mut Vec<(BlockKind, Vec<u8>)>| {
        let key = Secret::generate().unwrap();
        let block = sign::sign(&key, Schema::Package, &blocks[0].1).unwrap();
        blocks.insert(1, (BlockKind::Signature, block));
    };
    let apk = Apk { change: signed, ..Apk::default() };
    assert_eq!(apk.rules(), [("signature", Info)]);
}

#[test]
fn the_container() {
    let apk = Apk::default();
    let rules = |bytes: &[u8]| {
        let findings = inspect(bytes).unwrap().findings;
        findings
            .iter()
            .map(|finding| finding.rule)
            .collect::<Vec<_>>()
    };
    assert_eq!(rules(&apk.bytes()), [""; 0]);
    assert_eq!(rules(&apk.stream()), ["apk-compression"]);
    assert_eq!(rules(&[&apk.bytes()[..], b"x"].concat()), ["apk-trailing"]);
    assert_eq!(rules(b"ADBc\x02\x13"), ["apk-compression"]);
    let mut stream = apk.stream();
    stream[4..8].copy_from_slice(b"what");
    assert_eq!(rules(&stream), ["container", "apk-compression"]);
}
