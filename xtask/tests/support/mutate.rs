//! What becomes of a build log elsewhere: in another tree or release, with
//! other packages, in a CI system, on a terminal.

use std::fmt::Write;

type Mutation = (&'static str, fn(&str) -> Vec<u8>);

// Prefixes that also stand alone in `SAME`.
const GITHUB: Mutation = ("GitHub", |log| {
    each(log, |n| {
        format!("2026-01-02T03:{:02}:05.1234567Z ", n / 60 % 60)
    })
    .into()
});
const GITLAB: Mutation = ("GitLab", |log| {
    each(log, |_| "2026-01-02T03:04:05.123456Z 01O ".into()).into()
});
const JENKINS: Mutation = ("Jenkins", |log| {
    each(log, |_| "[2026-01-02T03:04:05.123Z] ".into()).into()
});
const JENKINS_TIME: Mutation = ("Jenkins, time of day", |log| {
    each(log, |_| "03:04:05  ".into()).into()
});
const ACT: Mutation = ("act", |log| {
    each(log, |_| "[Build OpenWrt (24.10)/build-1]   | ".into()).into()
});

/// Changes after which the verdict must be the same.
pub const SAME: &[Mutation] = &[
    ("another tree", |log| {
        log.replace("/builder", "/srv/ci/openwrt-sdk").into()
    }),
    ("a tree at /", |log| log.replace("/builder", "/o").into()),
    ("other hashes", |log| other_hashes(log).into()),
    ("another version of Rust", |log| {
        log.replace("1.90.0", "1.101.0")
            .replace("1.94.0", "2.0.0-rc1")
            .into()
    }),
    ("another package", |log| {
        log.replace("hello-rs", "a-daemon2")
            .replace("hello_rs", "a_daemon2")
            .into()
    }),
    ("zig instead of Rust", |log| {
        toolchain(log, "zig", "zig-0.13.0").into()
    }),
    ("go instead of Rust", |log| {
        toolchain(log, "golang", "go-1.23.4").into()
    }),
    ("llvm instead of Rust", |log| {
        toolchain(log, "llvm-bpf", "llvm-project-18.1.8.src").into()
    }),
    ("build_dir/hostpkg", |log| {
        log.replace("target-aarch64_cortex-a53_musl/host/", "hostpkg/")
            .into()
    }),
    ("another target", |log| {
        log.replace("aarch64_cortex-a53", "mips_24kc").into()
    }),
    ("another feed", |log| {
        log.replace("feeds/packages", "feeds/mine").into()
    }),
    ("blank lines", |log| log.replace('\n', "\n\n   \n").into()),
    ("no end of the last line", |log| log.trim_end().into()),
    ("unrelated lines between all others", |log| {
        unrelated(log).into()
    }),
    ("make -O", |log| grouped(log).into()),
    ("GNU make's quotes before 4.0", |log| {
        log.replace("directory '", "directory `").into()
    }),
    GITHUB,
    GITLAB,
    JENKINS,
    JENKINS_TIME,
    ACT,
    ("a terminal", |log| terminal(log).into()),
    ("UTF-16", |log| {
        log.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }),
];

/// What CI systems and terminals put around each line.
pub const PREFIXES: &[Mutation] = &[
    GITHUB,
    GITLAB,
    ("gh run view", |log| {
        each(log, |_| {
            "build (mips)\tRun make V=s\t2026-01-02T03:04:05.1Z ".into()
        })
        .into()
    }),
    JENKINS,
    JENKINS_TIME,
    ("Jenkins, elapsed", |log| {
        each(log, |_| "00:04:05.123  ".into()).into()
    }),
    ("Buildkite", |log| {
        each(log, |_| "\u{1b}_bk;t=1767323045000\u{7}".into()).into()
    }),
    ("Woodpecker", |log| {
        each(log, |n| format!("[build:L{n}:7s] ")).into()
    }),
    ("syslog", |log| {
        each(log, |_| "Jan  2 03:04:05 host docker[12]: ".into()).into()
    }),
    ("journal", |log| {
        each(log, |_| "2026-01-02T03:04:05+0100 host docker[12]: ".into()).into()
    }),
    ("ts", |log| each(log, |_| "Jan 02 03:04:05 ".into()).into()),
    ("epoch", |log| {
        each(log, |_| "1767323045.123456 ".into()).into()
    }),
    ("elapsed", |log| {
        each(log, |n| format!("[{:>9}.250] ", n)).into()
    }),
    ACT,
    ("act under GitHub", |log| {
        each(log, |_| "2026-01-02T03:04:05.1234567Z [a/b]   | ".into()).into()
    }),
    ("docker compose", |log| {
        each(log, |_| "builder-1  | ".into()).into()
    }),
    ("BuildKit", |log| {
        each(log, |n| format!("#12 {}.123 ", n)).into()
    }),
    ("CRLF", |log| log.replace('\n', "\r\n").into()),
    ("colours", |log| {
        log.lines()
            .map(|line| format!("\u{1b}[32m\u{1b}[1m{line}\u{1b}[0m\u{1b}[K\n"))
            .collect::<String>()
            .into()
    }),
    ("a terminal", |log| terminal(log).into()),
];

fn each(log: &str, mut prefix: impl FnMut(usize) -> String) -> String {
    let mut out = String::new();
    for (number, line) in log.lines().enumerate() {
        let _ = writeln!(out, "{}{line}", prefix(number));
    }
    out
}

/// Colours, CRLF, and a progress display between the lines.
fn terminal(log: &str) -> String {
    let line = |line: &str| format!("\u{1b}[0;36m{line}\u{1b}[m\r\n 10%\r 55%\r100%\r\n");
    log.lines().map(line).collect()
}

/// Other digits in every hash, equal ones staying equal.
fn other_hashes(log: &str) -> String {
    let is_hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    let mut out = String::new();
    let mut rest = log;
    while !rest.is_empty() {
        let length = rest.find(|c| !is_hex(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(length);
        if length == 32 {
            out.extend(
                word.chars()
                    .map(|c| char::from_digit((c.to_digit(16).unwrap() + 5) % 16, 16).unwrap()),
            );
        } else {
            out.push_str(word);
        }
        let step = after.chars().next().map_or(0, char::len_utf8);
        out.push_str(&after[..step]);
        rest = &after[step..];
    }
    out
}

/// The stage of another compiler, in the shape of Rust's.
pub fn toolchain(log: &str, name: &str, source: &str) -> String {
    log.replace("rustc-1.90.0-src", source)
        .replace("rustc-1.94.0-src", source)
        .replace("lang/rust", &format!("lang/{name}"))
        .replace("packages/rust", &format!("packages/{name}"))
        .replace("skipping rust ", &format!("skipping {name} "))
        .replace(".rust_installed", &format!(".{name}_installed"))
}

/// Lines of another package's build, of compilers and of programs.
fn unrelated(log: &str) -> String {
    const LINES: [&str; 12] = [
        "gcc -O2 -c -o src/a.o src/a.c -I/x/staging_dir/host/include",
        "make[4]: Entering directory '/x/build_dir/target-y/other-1.0/src'",
        "make[4]: Leaving directory '/x/build_dir/target-y/other-1.0/src'",
        "touch /x/build_dir/target-y/other-1.0/.prepared_4eec1652101606f47f45629ec4e05dca_18f1e190c5d53547fed41a3eaa76e9e9",
        "touch /x/build_dir/target-y/other-1.0/.built_check",
        "touch /x/build_dir/target-y/other-1.0/.built",
        "  CC      lib/touch.o",
        "checking whether make sets $(MAKE)... yes",
        "rm -rf /x/build_dir/target-y/other-1.0/ipkg-y",
        "time: 3.2 seconds, cached, recompiled, ERROR: none",
        "warning: `other` (lib) generated 1 warning",
        "\u{1b}[1m\u{1b}[32m   Compiling\u{1b}[0m other v1.0.0",
    ];
    let mut out = String::new();
    for (number, line) in log.lines().enumerate() {
        let _ = writeln!(out, "{line}\n{}", LINES[number % LINES.len()]);
    }
    // Both or none of the directory's lines.
    let entered = out.matches("make[4]: Entering directory '/x").count();
    let left = out.matches("make[4]: Leaving directory '/x").count();
    out + &format!("{}\n", LINES[2]).repeat(entered - left)
}

/// `make -O`: each target's lines between directory lines of their own.
fn grouped(log: &str) -> String {
    let mut out = String::new();
    let mut inside: Vec<&str> = Vec::new();
    for line in log.lines() {
        let _ = writeln!(out, "{line}");
        if line.contains(": Entering directory ") {
            inside.push(line);
        } else if line.contains(": Leaving directory ") {
            let entered = line.replace("Leaving", "Entering");
            if let Some(at) = inside.iter().rposition(|open| *open == entered) {
                inside.remove(at);
            }
        } else if let Some(open) = inside.last() {
            let _ = writeln!(out, "{}\n{open}", open.replace("Entering", "Leaving"));
        }
    }
    out
}
