//! One line, without its prefixes, becomes at most one event.
//!
//! Most lines of a log are a compiler's: the first byte and one search for
//! `/build_dir/` let them pass.

use super::path::{BuildDir, Paths, Stamp};
use super::words::{between, goal, number, quoted, word};

/// What a line says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Event<'a> {
    /// make enters a directory; `-w`, so the log was made with `V=s`.
    Enter(&'a [u8]),
    /// make leaves it.
    Leave(&'a [u8]),
    /// `time.pl` is about to run the stage of this name (`DEBUG=…` shows it).
    Started(&'a [u8]),
    /// The stage of this name ended, after so many seconds.
    Ended(&'a [u8], f64),
    /// The stage of this name failed; make's name has `/` where the others
    /// have `-` before the goal.
    Failed(&'a [u8]),
    /// make could not make this file.
    FileFailed(&'a [u8]),
    /// The whole build failed.
    BuildFailed,
    /// A Makefile could not be read: nothing of its stage was looked at.
    Unreadable,
    /// A stamp was written: a step is done.
    Stamped(Stamp<'a>),
    /// A stage is as it was: the end of a build with CONFIG_AUTOREMOVE set.
    Idle(BuildDir<'a>),
    /// What OpenWrt says of a stamp with `DEBUG=r`.
    Rdep(Rdep, Stamp<'a>),
    /// What make says of a stamp with `-d` or `--trace`.
    Make(MakeReason<'a>, Stamp<'a>),
    /// A command works in a build directory of the toolchain.
    Work(Work, BuildDir<'a>),
    /// A line names a build directory of the toolchain, and nothing is known
    /// of such lines.
    Mention(BuildDir<'a>),
    /// A source archive is fetched.
    Fetch(&'a [u8]),
    /// The recipe of this name has no package for the router.
    HostOnly(&'a [u8]),
    /// cargo compiles a crate: name and version.
    Crate(&'a [u8], &'a [u8]),
    /// A stage is visited by a build without `V=s`, which shows nothing of it.
    Quiet(&'a [u8]),
}

/// OpenWrt's verdict on a stamp (depends.mk).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rdep {
    /// `No need to rebuild`: nothing it depends on is newer.
    Fresh,
    /// `Need to rebuild`: the stamp is there, and a file is newer.
    Stale,
    /// `Target … not built`: there is no stamp of this name.
    Missing,
}

/// make's own reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MakeReason<'a> {
    /// This file is newer than the stamp.
    Newer(&'a [u8]),
    /// There is no stamp of this name.
    Missing,
    /// The stamp must be made again.
    Must,
    /// It need not.
    NoNeed,
}

/// What a command does in a build directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Unpacks the sources.
    Unpack,
    /// Configures them.
    Configure,
    /// Compiles, installs, copies.
    Other,
}

/// Reads one line.
pub fn read<'a>(text: &'a [u8], paths: &'a Paths) -> Option<Event<'a>> {
    // `sh -x` shows its commands so.
    let text = text.strip_prefix(b"+ ").unwrap_or(text);
    let found = match text.first()? {
        b't' => stage_end(text).or_else(|| touch(text, paths)),
        b'm' | b'g' => make(text, paths),
        b'N' | b'T' | b'P' | b'M' | b'F' => reason(text, paths).or_else(|| makefile(text)),
        b'E' => error(text),
        b'S' | b'/' => started(text).or_else(|| fetch(text)),
        b'C' => compiling(text, paths),
        _ => None,
    };
    found.or_else(|| mention(text, paths))
}

/// `time: package/feeds/packages/rust/host-compile#0.40#0.14#7.03`
fn stage_end(text: &[u8]) -> Option<Event<'_>> {
    let mut parts = text.strip_prefix(b"time: ")?.split(|byte| *byte == b'#');
    let name = parts.next().filter(|name| goal(name).is_some())?;
    let times = [
        number(parts.next()?)?,
        number(parts.next()?)?,
        number(parts.next()?)?,
    ];
    parts
        .next()
        .is_none()
        .then_some(Event::Ended(name, times[2]))
}

/// `touch PATH`; not `touch -r`, which copies a time.
fn touch<'a>(text: &'a [u8], paths: &'a Paths) -> Option<Event<'a>> {
    paths
        .stamp(text.strip_prefix(b"touch ")?)
        .map(Event::Stamped)
}

/// `make[2]: …`, `make[2] -C feeds/packages/lang/rust host-compile`
fn make<'a>(text: &'a [u8], paths: &'a Paths) -> Option<Event<'a>> {
    let rest = text
        .strip_prefix(b"g")
        .unwrap_or(text)
        .strip_prefix(b"make")?;
    let level = rest
        .strip_prefix(b"[")
        .map(|rest| rest.iter().take_while(|byte| byte.is_ascii_digit()).count());
    let rest = match level {
        Some(digits) => rest[digits + 1..].strip_prefix(b"]")?,
        None => rest,
    };
    if let Some(directory) = rest.strip_prefix(b" -C ") {
        let (recipe, goals) = directory.split_at(word(directory));
        return goals.ends_with(b"compile").then_some(Event::Quiet(recipe));
    }
    let rest = rest.strip_prefix(b": ")?;
    if let Some(dir) = rest.strip_prefix(b"Entering directory ") {
        let dir = quoted(dir)?;
        return Some(match paths.host(dir) {
            Some(inside) => Event::Work(Work::Other, inside),
            None => Event::Enter(dir),
        });
    }
    if let Some(dir) = rest.strip_prefix(b"Leaving directory ") {
        let dir = quoted(dir)?;
        return paths.host(dir).is_none().then_some(Event::Leave(dir));
    }
    let trouble = rest.strip_prefix(b"*** ")?;
    let Some(target) = between(trouble, b"[", b"] ") else {
        let stop = trouble.starts_with(b"No rule to make target")
            || trouble.starts_with(b"missing separator");
        return stop.then_some(Event::Unreadable);
    };
    // `package/Makefile:174: package/feeds/packages/rust/host/compile`
    let place = memchr::memmem::rfind(target, b": ");
    let target = place.map_or(target, |at| &target[at + 2..]);
    Some(if level.is_none() {
        Event::BuildFailed
    } else if target.starts_with(b"/") {
        Event::FileFailed(target)
    } else {
        goal(target)?;
        Event::Failed(target)
    })
}

/// What `DEBUG=r`, `make -d` and `make --trace` say of a stamp.
fn reason<'a>(text: &'a [u8], paths: &'a Paths) -> Option<Event<'a>> {
    let after = |head: &[u8]| text.strip_prefix(head);
    let rdep = |verdict, path| Some(Event::Rdep(verdict, paths.stamp(path)?));
    let make = |reason, path| Some(Event::Make(reason, paths.stamp(path)?));
    if let Some(path) = after(b"No need to rebuild ") {
        return rdep(Rdep::Fresh, path);
    }
    if let Some(path) = after(b"Need to rebuild ") {
        return rdep(Rdep::Stale, path);
    }
    if let Some(path) = after(b"Target ").and_then(|path| path.strip_suffix(b" not built")) {
        return rdep(Rdep::Missing, path);
    }
    if let Some(rest) = after(b"Prerequisite ") {
        let file = quoted(rest)?;
        let target = rest
            .get(file.len() + 2..)?
            .strip_prefix(b" is newer than target ")?;
        return make(MakeReason::Newer(file), quoted(target)?);
    }
    if let Some(target) = after(b"Must remake target ") {
        return make(MakeReason::Must, quoted(target)?);
    }
    if let Some(target) = after(b"No need to remake target ") {
        return make(MakeReason::NoNeed, quoted(target)?);
    }
    if let Some(target) = after(b"File ") {
        let path = quoted(target)?;
        return target
            .ends_with(b" does not exist.")
            .then(|| make(MakeReason::Missing, path))?;
    }
    None
}

/// What make says with the name of a Makefile and a line before it.
fn makefile(text: &[u8]) -> Option<Event<'_>> {
    let rest = text.strip_prefix(b"Makefile:")?;
    let rest = &rest[memchr::memchr(b' ', rest)? + 1..];
    if let Some(name) = rest.strip_prefix(b"WARNING: skipping ") {
        let name = name.strip_suffix(b" -- package has no install section")?;
        return Some(Event::HostOnly(name));
    }
    let unreadable = rest.ends_with(b": No such file or directory")
        || (rest.starts_with(b"*** ") && rest.ends_with(b"Stop."));
    unreadable.then_some(Event::Unreadable)
}

/// `ERROR: package/feeds/packages/rust [host] failed to build.`
fn error(text: &[u8]) -> Option<Event<'_>> {
    let rest = text.strip_prefix(b"ERROR: ")?;
    let failed = memchr::memmem::find(rest, b" failed to build")?;
    Some(Event::Failed(&rest[..failed]))
}

/// `/builder/scripts/time.pl "time: package/feeds/packages/rust/host-compile" make …`
fn started(text: &[u8]) -> Option<Event<'_>> {
    let rest = &text[word(text)..];
    let name = between(rest.strip_prefix(b" ")?, b"\"time: ", b"\" ")?;
    text[..text.len() - rest.len()]
        .ends_with(b"/scripts/time.pl")
        .then_some(Event::Started(name))
}

/// `SHELL= flock …/tmp/.FILE.flock -c ' …/scripts/download.pl "…/dl" "FILE" …'`
fn fetch(text: &[u8]) -> Option<Event<'_>> {
    let at = memchr::memmem::find(text, b"/scripts/download.pl ")?;
    let file = text[at..].split(|byte| *byte == b'"').nth(3)?;
    (!file.is_empty()).then_some(Event::Fetch(file))
}

/// `Compiling libc v0.2.183`; a crate inside the toolchain's own sources is
/// part of the toolchain.
fn compiling<'a>(text: &'a [u8], paths: &Paths) -> Option<Event<'a>> {
    let rest = text.strip_prefix(b"Compiling ")?;
    let (name, rest) = rest.split_at(word(rest));
    let version = rest.strip_prefix(b" v")?;
    let version = &version[..word(version)];
    (paths.all(rest).next().is_none() && !name.is_empty()).then_some(Event::Crate(name, version))
}

/// Lines that begin so look at files and change none.
const NEUTRAL: [&[u8]; 9] = [
    b"touch -r ",
    b"Considering target file ",
    b"Prerequisite ",
    b"Finished prerequisites of ",
    b"Pruning file ",
    b"Looking for ",
    b"Trying ",
    b"No implicit rule found for ",
    b"No recipe for ",
];

/// A line that names a build directory of the toolchain.
fn mention<'a>(text: &'a [u8], paths: &'a Paths) -> Option<Event<'a>> {
    let dir = paths.host(text)?;
    // What a stage that is as it was prints as well, under `make -d` too.
    if NEUTRAL.iter().any(|head| text.starts_with(head)) {
        return None;
    }
    let after = &text[dir.at + dir.path.len()..];
    if text.starts_with(b"find ") && dir.at == 5 && after.starts_with(b" -mindepth 1 ") {
        return Some(Event::Idle(dir));
    }
    let works = paths.all(text).filter(|dir| dir.host).any(|dir| {
        let (before, after) = (&text[..dir.at], &text[dir.at + dir.path.len()..]);
        let before = before.trim_ascii_end();
        let option: [&[u8]; 9] = [
            b"cd",
            b"-C",
            b"-B",
            b"-S",
            b"-d",
            b"mkdir -p",
            b"--build",
            b"--build-dir",
            b"python3",
        ];
        let spaced = before.len() < dir.at;
        (spaced && option.iter().any(|option| before.ends_with(option)))
            || after.starts_with(b"/x.py ")
            || (after.is_empty()
                && [&b"cp "[..], b"mv ", b"[ "]
                    .iter()
                    .any(|head| text.starts_with(head)))
    });
    if !works {
        return Some(Event::Mention(dir));
    }
    let has = |part: &[u8]| memchr::memmem::find(text, part).is_some();
    let work = if has(b"| tar -C ") || has(b"unzip ") {
        Work::Unpack
    } else if has(b"[ -x configure ]") || has(b"[ -x ./configure ]") {
        Work::Configure
    } else {
        Work::Other
    };
    Some(Event::Work(work, dir))
}
