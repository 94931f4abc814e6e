//! Each rule of `inspect` about installed files, links and programs: one package
//! that breaks only it, and one that almost does.

#[path = "support/elf_file.rs"]
mod elf_file;
#[path = "support/tarball.rs"]
mod tarball;

use elf_file::{AARCH64, ARM, BPF, MIPS, Program, RISCV, X86_64, program};
use tarball::{Entry, Ipk, dir, entry, file, hardlink, inspect, rules, symlink};
use xtask::inspect::Severity::{self, Error, Warning};

type Found = &'static [(&'static str, Severity)];

/// Adds entries to the good package.
fn check(cases: &[(&str, &[Entry], Found)]) {
    for (name, entries, expected) in cases {
        let mut ipk = Ipk::new();
        ipk.data.extend_from_slice(entries);
        assert_eq!(rules(&ipk, None), *expected, "{name}");
    }
}

#[test]
#[rustfmt::skip] // a case is a line
fn names_and_kinds() {
    let deep = |depth: usize| file(&format!("./{}f", "d/".repeat(depth)), b"");
    check(&[
        ("..", &[file("./../b", b"")], &[("path", Error)]),
        (".. within", &[file("./c/../b", b"")], &[("path", Error)]),
        ("dots", &[file("./..b/c..", b"")], &[]),
        ("absolute", &[file("/b", b"")], &[("path", Error)]),
        ("no ./", &[file("b", b"")], &[]),
        ("twice", &[file("./a", b"")], &[("path-twice", Error)]),
        ("twice, written otherwise", &[file(".//./a", b"")], &[("path-twice", Error)]),
        ("other case", &[file("./A", b"")], &[]),
        ("deep", &[deep(64)], &[("path-depth", Error)]),
        ("not too deep", &[deep(63)], &[]),
        ("device", &[entry("./d", b'3', 0o644, "", b"")], &[("file-kind", Error)]),
        ("pipe", &[entry("./d", b'6', 0o644, "", b"")], &[("file-kind", Error)]),
        ("sparse", &[entry("./d", b'S', 0o644, "", b"")], &[("file-kind", Error)]),
        ("contiguous", &[entry("./d", b'7', 0o644, "", b"x")], &[]),
    ]);
}

#[test]
#[rustfmt::skip]
fn owners_and_modes() {
    check(&[
        ("user", &[file("./b", b"").owner(1000, 0)], &[("owner", Warning)]),
        ("group", &[dir("./b/").owner(0, 1)], &[("owner", Warning)]),
        ("all may write a file", &[file("./b", b"").mode(0o646)], &[("mode", Warning)]),
        ("all may write a directory", &[dir("./b/").mode(0o777)], &[("mode", Warning)]),
        ("sticky directory", &[dir("./b/").mode(0o1777)], &[]),
        ("sticky file", &[file("./b", b"").mode(0o1646)], &[("mode", Warning)]),
        ("group may write", &[file("./b", b"").mode(0o664)], &[]),
        ("a link's mode", &[symlink("./b", "a").mode(0o777)], &[]),
        ("set-user-id", &[file("./b", b"").mode(0o4755)], &[("mode", Warning)]),
        ("set-group-id", &[file("./b", b"").mode(0o2755)], &[("mode", Warning)]),
        ("set-group-id directory", &[dir("./b/").mode(0o2755)], &[]),
        ("directory nobody enters", &[dir("./b/").mode(0o655)], &[("mode", Warning)]),
        ("owner's directory", &[dir("./b/").mode(0o700)], &[]),
        ("init script", &[file("./etc/init.d/b", b"")], &[("init-script", Error)]),
        ("executable init script", &[file("./etc/init.d/b", b"").mode(0o755)], &[]),
        ("near init.d", &[file("./etc/init.dx", b"")], &[]),
        ("link in init.d", &[symlink("./etc/init.d/b", "c").mode(0o644)], &[]),
    ]);
}

#[test]
#[rustfmt::skip]
fn links() {
    let below = |target: &str| [symlink("./l", target), file("./l/b", b"")];
    let circle = [symlink("./l", "m"), symlink("./m", "l"), file("./l/b", b"")];
    let chain = [symlink("./l", "m"), symlink("./m", "/etc"), file("./l/b", b"")];
    let around = [symlink("./l", "m/.."), symlink("./m", "c"), file("./l/b", b"")];
    let through = [symlink("./m", "/"), symlink("./l", "m/c"), file("./l/b", b"")];
    check(&[
        ("hard link", &[hardlink("./b", "./a")], &[]),
        ("hard link, other writing", &[hardlink("./b", "a")], &[]),
        ("hard link to a link", &[symlink("./l", "a"), hardlink("./b", "./l")], &[]),
        ("hard link out", &[hardlink("./b", "../../etc/shadow")], &[("hardlink-path", Error)]),
        ("absolute hard link", &[hardlink("./b", "/a")], &[("hardlink-path", Error)]),
        ("hard link to nothing", &[hardlink("./b", "./c")], &[("hardlink-missing", Error)]),
        ("hard link to later", &[hardlink("./b", "./c"), file("./c", b"")], &[("hardlink-missing", Error)]),
        ("hard link to itself", &[hardlink("./b", "./b")], &[("hardlink-missing", Error)]),
        ("hard link to a directory", &[dir("./c/"), hardlink("./b", "./c")], &[("hardlink-missing", Error)]),
        ("links out", &[symlink("./l", "/etc/passwd"), symlink("./m", "../../x")], &[]),
        ("below a link out", &below("../x"), &[("path-through-link", Error)]),
        ("below an absolute link", &below("/etc"), &[("path-through-link", Error)]),
        ("below a link within", &below("c"), &[]),
        ("beside a link out", &[symlink("./l", "/etc"), file("./lb", b"")], &[]),
        ("below a circle", &circle, &[("path-through-link", Error)]),
        ("below a chain out", &chain, &[("path-through-link", Error)]),
        ("below a link through one", &through, &[("path-through-link", Error)]),
        ("below a link around one", &around, &[("path-through-link", Error)]),
        ("link after the file", &[file("./l/b", b""), symlink("./l", "/etc")], &[("path-through-link", Error)]),
    ]);
}

fn check_programs(arch: &str, cases: &[(&str, Program, Found)]) {
    for (name, program, expected) in cases {
        let mut ipk = Ipk::new();
        ipk.replace(": all", &format!(": {arch}"));
        ipk.data.push(tarball::program("./b", &program.bytes()));
        assert_eq!(rules(&ipk, None), *expected, "{arch}: {name}");
    }
}

fn with(mut program: Program, change: impl FnOnce(&mut Program)) -> Program {
    change(&mut program);
    program
}

#[test]
#[rustfmt::skip]
fn machines() {
    const WRONG: Found = &[("elf-machine", Error)];
    let soft = |big| with(program(MIPS, 32), |p| (p.big, p.mips_fp) = (big, Some(3)));
    let mips = |fp| with(program(MIPS, 32), |p| (p.big, p.mips_fp) = (true, Some(fp)));
    check_programs("mips_24kc", &[
        ("fits", soft(true), &[]),
        ("little endian", soft(false), WRONG),
        ("hard float", mips(1), WRONG),
        ("hard float, FPXX", mips(5), WRONG),
        ("any float", mips(0), &[]),
        ("nothing said", with(program(MIPS, 32), |p| p.big = true), &[]),
        ("64 bit", with(program(MIPS, 64), |p| p.big = true), WRONG),
        ("x86_64", program(X86_64, 64), WRONG),
        ("bpf", program(BPF, 64), &[]),
    ]);
    check_programs("mipsel_24kc", &[("fits", soft(false), &[]), ("big endian", soft(true), WRONG)]);
    check_programs("mipsel_24kc_24kf", &[("soft float", soft(false), WRONG)]);
    let arm = |flags: u32| with(program(ARM, 32), |p| p.flags = 0x0500_0000 | flags);
    check_programs("arm_cortex-a7_neon-vfpv4", &[
        ("fits", arm(0x400), &[]),
        ("soft float", arm(0x200), WRONG),
        ("library, soft float", with(arm(0x200), |p| p.kind = 3), WRONG),
        ("kernel module, soft float", with(arm(0x200), |p| p.kind = 1), &[]),
        ("kernel module of x86_64", with(program(X86_64, 64), |p| p.kind = 1), WRONG),
    ]);
    check_programs("arm_arm926ej-s", &[("fits", arm(0x200), &[]), ("hard float", arm(0x400), WRONG)]);
    let riscv = |flags: u32| with(program(RISCV, 64), |p| p.flags = flags);
    check_programs("riscv64_riscv64", &[
        ("double", riscv(5), &[]),
        ("single", riscv(3), &[]),
        ("soft float", riscv(1), WRONG),
        ("kernel module", with(riscv(1), |p| p.kind = 1), &[]),
    ]);
    check_programs("aarch64_cortex-a53", &[("fits", program(AARCH64, 64), &[]), ("32 bit", program(AARCH64, 32), WRONG)]);
    check_programs("x86_64", &[("fits", program(X86_64, 64), &[]), ("aarch64", program(AARCH64, 64), WRONG)]);
    check_programs("all", &[("any", program(X86_64, 64), WRONG), ("bpf", program(BPF, 64), &[])]);
    check_programs("noarch", &[("any", program(X86_64, 64), WRONG)]);
    check_programs("unheard-of", &[("any", program(X86_64, 64), &[])]);

    let firmware = file("./lib/firmware/b", &program(ARM, 32).bytes());
    check(&[("for a device", &[firmware], &[])]);
}

#[test]
#[rustfmt::skip]
fn loaders_libraries_and_symbols() {
    let x86 = || program(X86_64, 64);
    let sections = |kind, name| with(x86(), |p| p.sections.push((kind, name)));
    let module = with(sections(2, ".symtab"), |p| p.kind = 1);
    check_programs("x86_64", &[
        ("musl", x86().interpreter("/lib/ld-musl-x86_64.so.1").needs("libc.so"), &[]),
        ("glibc", x86().interpreter("/lib64/ld-linux-x86-64.so.2"), &[("elf-interpreter", Error)]),
        ("libgcc", x86().needs("libc.so").needs("libgcc_s.so.1"), &[("elf-depends", Warning)]),
        ("other library", x86().needs("libgcc_s.so.11"), &[]),
        ("symbols", sections(2, ".symtab"), &[("elf-stripped", Warning)]),
        ("library with symbols", with(sections(2, ".symtab"), |p| p.kind = 3), &[("elf-stripped", Warning)]),
        ("debug information", sections(1, ".debug_info"), &[("elf-stripped", Warning)]),
        ("dynamic symbols", sections(11, ".dynsym"), &[]),
        ("near debug", sections(1, ".gnu_debuglink"), &[]),
        ("kernel module", module, &[]),
    ]);
    let mut ipk = Ipk::new();
    ipk.replace(": all", ": x86_64");
    ipk.replace("libc\n", "libc, libgcc1 (>= 1)\n");
    ipk.data.push(file("./b", &x86().needs("libgcc_s.so.1").bytes()));
    assert_eq!(rules(&ipk, None), []);
    let report = inspect(&ipk.bytes(), None).unwrap();
    let elf = report.files.last().unwrap().elf.as_ref().unwrap();
    assert_eq!((elf.kind, &elf.needed[..]), ("exec", &["libgcc_s.so.1".to_owned()][..]));
}

#[test]
#[rustfmt::skip]
fn programs_beyond_the_bounds() {
    const BROKEN: Found = &[("elf-broken", Error)];
    let x86 = || program(X86_64, 64);
    let name = |length| x86().needs(&"n".repeat(length));
    let many = |count| with(name(10), |p| p.needed = vec![0; count]);
    let loader = |length: usize| format!("/lib/ld-musl-{}", "m".repeat(length - 13));
    check_programs("x86_64", &[
        ("longest library", name(255), &[]),
        ("longer library", name(256), BROKEN),
        ("library without end", with(name(9), |p| p.strings.truncate(9)), BROKEN),
        ("library outside", with(name(9), |p| p.needed[0] = 99), BROKEN),
        ("most libraries", many(1000), &[]),
        ("more libraries", many(1001), BROKEN),
        ("two dynamic sections", with(name(9), |p| p.dynamics = 2), BROKEN),
        ("longest interpreter", x86().interpreter(&loader(4096)), &[]),
        ("longer interpreter", x86().interpreter(&loader(4097)), BROKEN),
        ("two interpreters", x86().interpreter(&loader(20)).interpreter(&loader(20)), BROKEN),
    ]);
    let segments = with(x86(), |p| p.interpreters = vec![b"/lib/ld-musl-x\0".to_vec(); 1001]);
    let sections = with(x86(), |p| p.sections = vec![(1, ""); 19_999]);
    let dynamic = with(name(9), |p| p.needed = vec![0; 9_999]);
    for (program, why) in [
        (segments, "it has 1001 program headers"),
        (sections, "it has 20001 sections"),
        (dynamic, "its dynamic section has 10001 entries"),
    ] {
        let mut ipk = Ipk::new();
        ipk.data.push(file("./b", &program.bytes()));
        let report = inspect(&ipk.bytes(), None).unwrap();
        assert!(report.findings[0].message.ends_with(why), "{report:?}");
    }
    check(&[("cut off", &[file("./b", b"\x7fELF\x02\x01\x01")], BROKEN), ("not ELF", &[file("./b", b"\x7fELf\x02\x01\x01")], &[])]);
}
