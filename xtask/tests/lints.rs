//! Each rule of `inspect` about container, fields, lists and scripts: one
//! package that breaks only it, and one that almost does.

#[path = "support/tarball.rs"]
mod tarball;

use tarball::{Ipk, POSTINST, PRERM, dir, entry, file, inspect, program, rules, symlink};
use xtask::inspect::Severity::{self, Error, Info, Warning};

/// What is changed, and every finding that this makes.
type Case = (
    &'static str,
    fn(&mut Ipk),
    &'static [(&'static str, Severity)],
);

fn check(cases: &[Case]) {
    for (name, change, expected) in cases {
        let mut ipk = Ipk::new();
        change(&mut ipk);
        let found = rules(&ipk, Some(&["mips_24kc"]));
        assert_eq!(found, *expected, "{name}");
    }
}

fn text(ipk: &mut Ipk, name: &str, text: &[u8]) {
    ipk.members.retain(|entry| entry.name != name);
    ipk.members.push(program(name, text));
}

#[test]
#[rustfmt::skip] // a case is a line
fn fields() {
    check(&[
        ("good", |_| (), &[]),
        ("no Package", |p| p.replace("Package: x\n", ""), &[("field-missing", Error)]),
        ("empty Version", |p| p.replace("1-r1", " "), &[("field-missing", Error)]),
        ("no Architecture", |p| p.replace("Architecture: all\n", ""), &[("field-missing", Error)]),
        ("twice", |p| p.replace("Depends: libc\n", "Depends: libc\nDepends: a\n"), &[("field-twice", Error)]),
        ("other case", |p| p.replace("Depends: libc\n", "Depends: libc\nDEPENDS: a\n"), &[]),
        ("field after Description", |p| p.control += "Section: net\n", &[("description-last", Warning)]),
        ("continued Description", |p| p.control += " more\n \n", &[]),
        ("no Description", |p| p.replace("Description:  Text\n", ""), &[("description-last", Warning)]),
        ("strange line", |p| p.control += "hello\n", &[("control-syntax", Error)]),
        ("empty line", |p| p.control += "\n", &[]),
        ("carriage returns", |p| p.control = p.control.replace('\n', "\r\n"), &[("control-crlf", Warning)]),
        ("package characters", |p| p.replace("Package: x", "Package: a/b"), &[("package-name", Error)]),
        ("package blank", |p| p.replace("Package: x", "Package: a b"), &[("package-name", Error)]),
        ("package umlaut", |p| p.replace("Package: x", "Package: ä"), &[("package-name", Error)]),
        ("package tilde", |p| p.replace("Package: x", "Package: a~b"), &[("package-name", Error)]),
        ("package allowed", |p| p.replace("Package: x", "Package: aZ9+-._"), &[]),
        ("version blank", |p| p.replace("1-r1", "1 r1"), &[("version", Error)]),
        ("version slash", |p| p.replace("1-r1", "1/2"), &[("version", Error)]),
        ("version allowed", |p| p.replace("1-r1", "1:2.0~rc1+git_A-r1"), &[]),
    ]);
}

#[test]
#[rustfmt::skip] // a case is a line
fn installed_size() {
    check(&[
        ("none", |p| p.replace("Installed-Size: {size}\n", ""), &[("installed-size", Warning)]),
        ("less", |p| p.replace("{size}", "{size-1}"), &[("installed-size", Warning)]),
        ("zero", |p| p.replace("{size}", "7"), &[("installed-size", Warning)]),
        ("KiB", |p| p.replace("{size}", "{KiB}"), &[("installed-size", Error)]),
        ("KiB, rounded up", |p| p.replace("{size}", "{KiB+1}"), &[("installed-size", Error)]),
        ("no number", |p| p.replace("{size}", "12 kB"), &[("installed-size", Error)]),
    ]);
}

#[test]
#[rustfmt::skip] // a case is a line
fn architectures() {
    check(&[
        ("Debian's", |p| p.replace(": all", ": arm64"), &[("architecture", Error)]),
        ("Rust's", |p| p.replace(": all", ": aarch64"), &[("architecture", Error)]),
        ("unknown", |p| p.replace(": all", ": mips24kc"), &[("architecture-unknown", Info)]),
        ("known", |p| p.replace(": all", ": mips_24kc"), &[]),
        ("noarch", |p| p.replace(": all", ": noarch"), &[]),
    ]);
    let mut ipk = Ipk::new();
    ipk.replace(": all", ": mips24kc");
    assert_eq!(rules(&ipk, None), [], "nothing is known");
}

#[test]
#[rustfmt::skip] // a case is a line
fn conffiles() {
    fn list(ipk: &mut Ipk, text: &str) {
        ipk.data.push(file("./etc/config/x", b""));
        ipk.members.insert(0, file("./conffiles", text.as_bytes()));
    }
    check(&[
        ("listed", |p| list(p, "/etc/config/x\n"), &[]),
        ("missing", |p| list(p, "/etc/config/x\n/etc/y\n"), &[("conffile-missing", Error)]),
        ("a directory", |p| { list(p, "/etc/config/x\n/etc/d\n"); p.data.push(dir("./etc/d/")) }, &[("conffile-missing", Error)]),
        ("relative", |p| list(p, "/etc/config/x\na\n"), &[("conffile-missing", Error)]),
        ("unlisted", |p| list(p, "/a\n"), &[("conffile-unlisted", Warning)]),
        ("elsewhere", |p| p.data.push(file("./etc/configs", b"")), &[]),
        ("a link", |p| p.data.push(symlink("./etc/config/x", "../y")), &[]),
        ("a directory there", |p| p.data.push(dir("./etc/config/x/")), &[]),
    ]);
}

#[test]
#[rustfmt::skip] // a case is a line
fn scripts() {
    check(&[
        ("guarded", |p| text(p, "./preinst", b"#!/bin/sh\n[ -n \"$IPKG_INSTROOT\" ] || reboot\n"), &[]),
        ("unguarded", |p| text(p, "./preinst", b"#!/bin/sh\nreboot\n"), &[("script-guard", Warning)]),
        ("commented", |p| text(p, "./preinst", b"#!/bin/sh\n# $IPKG_INSTROOT\nreboot # ${IPKG_INSTROOT}\n"), &[("script-guard", Warning)]),
        ("sourced, unguarded", |p| text(p, "./postinst-pkg", b"reboot\n"), &[("script-guard", Warning)]),
        ("sourced, no program", |p| p.members.push(file("./prerm-pkg", b"echo ${IPKG_INSTROOT}\n")), &[]),
        ("no interpreter", |p| text(p, "./postrm", b"echo ${IPKG_INSTROOT}\n"), &[("script-interpreter", Error)]),
        ("carriage return", |p| text(p, "./postrm", b"#!/bin/sh\r\necho ${IPKG_INSTROOT}\r\n"), &[("script-interpreter", Error)]),
        ("not executable", |p| p.members[0].mode = 0o644, &[("script-mode", Error)]),
        ("owner only", |p| p.members[0].mode = 0o700, &[]),
        ("others only", |p| p.members[0].mode = 0o655, &[("script-mode", Error)]),
        ("no postinst", |p| drop(p.members.remove(0)), &[("script-default", Warning)]),
        ("postinst of its own", |p| text(p, "./postinst", PRERM), &[("script-default", Warning)]),
        ("no prerm", |p| drop(p.members.remove(1)), &[("script-default", Warning)]),
        ("prerm of its own", |p| text(p, "./prerm", POSTINST), &[("script-default", Warning)]),
        ("call in a comment", |p| text(p, "./prerm", b"#!/bin/sh\necho $IPKG_INSTROOT # default_prerm\n"), &[("script-default", Warning)]),
        ("unknown member", |p| p.members.push(file("./triggers", b"")), &[("control-member", Info)]),
    ]);
}

#[test]
#[rustfmt::skip] // a case is a line
fn owners_and_modes_of_control_members() {
    check(&[
        ("user", |p| p.members[0].uid = 1000, &[("control-owner", Warning)]),
        ("group", |p| p.control_entry = Some(file("./control", b"").owner(0, 1)), &[("control-owner", Warning)]),
        ("group may write", |p| p.members[0].mode = 0o775, &[("control-mode", Warning)]),
        ("all may write", |p| p.control_entry = Some(file("./control", b"").mode(0o646)), &[("control-mode", Warning)]),
        ("nobody else reads", |p| p.control_entry = Some(file("./control", b"").mode(0o600)), &[]),
        ("twice", |p| p.members.push(program("postinst", b"")), &[("control-twice", Error)]),
        ("a link", |p| p.members.push(symlink("./conffiles", "/etc/passwd")), &[("control-kind", Warning)]),
        ("no control", |p| p.control_entry = None, &[("control-missing", Error)]),
        ("control elsewhere", |p| p.control_entry = Some(file("./sub/control", b"")), &[("control-missing", Error)]),
    ]);
}

#[test]
#[rustfmt::skip] // a case is a line
fn container() {
    check(&[
        ("version", |p| p.debian_binary = b"2.0".to_vec(), &[("debian-binary", Warning)]),
        ("no debian-binary", |p| p.edit_outer = |o| drop(o.remove(0)), &[("member-missing", Error), ("member-order", Info)]),
        ("no data", |p| p.edit_outer = |o| drop(o.remove(1)), &[("member-missing", Error), ("member-order", Info)]),
        ("no control", |p| p.edit_outer = |o| drop(o.remove(2)), &[("member-missing", Error), ("member-order", Info)]),
        ("twice", |p| p.edit_outer = |o| o.push(o[2].clone()), &[("member-twice", Error), ("member-order", Info)]),
        ("no file", |p| p.edit_outer = |o| (o[0].kind, o[0].content) = (b'5', vec![]), &[("member-kind", Error)]),
        ("unknown", |p| p.edit_outer = |o| o.push(file("./_gpg", b"")), &[("member-unknown", Warning), ("member-order", Info)]),
        ("other order", |p| p.edit_outer = |o| o.swap(1, 2), &[("member-order", Info)]),
        ("no ./", |p| p.edit_outer = |o| o[1].name = "data.tar.gz".into(), &[("member-name", Warning)]),
        ("a folder first", |p| p.edit_outer = |o| o.insert(0, dir("./")), &[]),
        ("bytes behind the package", |p| p.edit_all = |b| b.push(0), &[("gzip-trailing", Warning)]),
        ("a second gzip", |p| p.edit_all = |b| b.extend(tarball::gzip(b"x")), &[("gzip-trailing", Warning)]),
        ("bytes behind data.tar.gz", |p| p.edit_data_gz = |b| b.push(b'x'), &[("gzip-trailing", Warning)]),
        ("a second gzip in data.tar.gz", |p| p.edit_data_gz = |b| b.extend(tarball::gzip(b"x")), &[("gzip-trailing", Warning)]),
        ("bytes behind the tar", |p| p.edit_data = |b| b.push(b'x'), &[("tar-trailing", Warning)]),
        ("zeros behind the tar", |p| p.edit_data = |b| b.extend([0; 9000]), &[]),
    ]);
    let mut ipk = Ipk::new();
    ipk.edit_all = |bytes| bytes.extend(tarball::gzip(b"x"));
    let report = inspect(&ipk.bytes(), None).unwrap();
    assert!(report.findings[0].message.contains("a second gzip stream"));
}

#[test]
#[rustfmt::skip] // a case is a line
fn dialects() {
    fn edit(ipk: &mut Ipk, edit: fn(&mut [u8; 512])) {
        ipk.data[1].edit = edit;
    }
    check(&[
        ("PAX", |p| p.data.insert(1, entry("./PaxHeaders/x", b'x', 0o644, "", b"9 path=y\n")), &[("tar-pax", Error)]),
        ("PAX for all", |p| p.data.insert(1, entry("./PaxHeaders/x", b'g', 0o644, "", b"")), &[("tar-pax", Error)]),
        ("POSIX", |p| edit(p, |h| h[257..265].copy_from_slice(b"ustar\x0000")), &[("tar-dialect", Info)]),
        ("old", |p| edit(p, |h| h[257..265].fill(0)), &[("tar-dialect", Info)]),
        ("base 256, size", |p| edit(p, |h| h[124..136].copy_from_slice(b"\x80\0\0\0\0\0\0\0\0\0\0\x01")), &[("tar-numbers", Error)]),
        ("base 256, user", |p| edit(p, |h| h[108..116].copy_from_slice(b"\x80\0\0\0\0\0\0\0")), &[("tar-numbers", Error)]),
        ("user name", |p| edit(p, |h| h[265] = b'u'), &[("tar-owner-names", Info)]),
        ("group name", |p| edit(p, |h| h[297] = b'g'), &[("tar-owner-names", Info)]),
    ]);
}
