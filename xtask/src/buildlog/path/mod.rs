//! What the paths in a build log say: whose build directory it is, and which
//! step of a stage a stamp ends. In a parallel build the lines of stages
//! interleave: they are told apart by path, never by position.
//!
//! | path | stage |
//! |---|---|
//! | `build_dir/{host,hostpkg}/NAME`, `build_dir/target-*/host/NAME` | a host stage |
//! | `build_dir/toolchain-*/NAME` | a part of the C toolchain |
//! | `build_dir/target-*/NAME` | a package for the router |
//!
//! A stamp's name tells as well: `.prepared<md5>…` is a host stage's wherever
//! it stands, `.prepared_<md5>…` a package's.

use memchr::memmem::{Finder, rfind};
use memchr::{memchr, memrchr};

/// A build directory in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BuildDir<'a> {
    /// Its path, without a slash at the end.
    pub path: &'a [u8],
    /// Where the path begins in the text that was searched.
    pub at: usize,
    /// It belongs to the toolchain, not to a package for the router.
    pub host: bool,
}

/// The steps of a stage, in the order in which make runs them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Sources are unpacked and patched; ends with `.prepared…`.
    Prepare,
    /// Ends with `.configured…`.
    Configure,
    /// Ends with `.built`.
    Compile,
    /// Ends with `stamp/.NAME_installed`.
    Install,
}

/// A stamp: the empty file by which make knows that a step is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp<'a> {
    /// The step that it ends.
    pub step: Step,
    /// The build directory, or for [`Step::Install`] the name in
    /// `.NAME_installed`.
    pub owner: &'a [u8],
    /// It belongs to the toolchain, not to a package for the router.
    pub host: bool,
    /// Its file name.
    pub file: &'a [u8],
}

/// Finds build directories. Built once: a log has millions of lines.
#[derive(Clone, Debug)]
pub struct Paths {
    build_dir: Finder<'static>,
}

impl Default for Paths {
    fn default() -> Self {
        Self {
            build_dir: Finder::new(b"/build_dir/"),
        }
    }
}

impl Paths {
    /// The build directories in `text`, in their order.
    pub fn all<'a>(&'a self, text: &'a [u8]) -> impl Iterator<Item = BuildDir<'a>> + 'a {
        let mut from = 0;
        std::iter::from_fn(move || {
            loop {
                let at = from + self.build_dir.find(text.get(from..)?)?;
                from = at + BUILD_DIR.len();
                if let Some(end) = directory(&text[from..]) {
                    let begin = begin(&text[..at]);
                    let path = &text[begin..from + end.length];
                    return Some(BuildDir {
                        path,
                        at: begin,
                        host: end.host,
                    });
                }
            }
        })
    }

    /// The first directory of the toolchain in `text`.
    pub fn host<'a>(&'a self, text: &'a [u8]) -> Option<BuildDir<'a>> {
        self.near_host(text)?;
        self.all(text).find(|dir| dir.host)
    }

    /// Where something like a directory of the toolchain is in `text`: a look
    /// at two components lets the many paths of packages pass.
    pub fn near_host(&self, text: &[u8]) -> Option<usize> {
        let mut from = 0;
        loop {
            from += self.build_dir.find(text.get(from..)?)? + BUILD_DIR.len();
            let family = &text[from..];
            let name = memchr(b'/', family).map_or(&b""[..], |slash| &family[slash + 1..]);
            let host = family.starts_with(b"host") || name.starts_with(b"host");
            if host || family.starts_with(b"toolchain-") {
                return Some(from);
            }
        }
    }

    /// Reads a stamp's path. `…_check` files and other look-alikes are none.
    pub fn stamp<'a>(&'a self, path: &'a [u8]) -> Option<Stamp<'a>> {
        let slash = memrchr(b'/', path)?;
        let (dir, file) = (&path[..slash], &path[slash + 1..]);
        if base(dir) == b"stamp" {
            return installed(dir, file);
        }
        let built_in_host = || self.host(path).is_some();
        let (step, host) = if let Some(hashes) = file.strip_prefix(b".prepared") {
            let host = !hashes.is_empty() && !hashes.starts_with(b"_");
            (is_hashes(hashes).then_some(Step::Prepare)?, host)
        } else if let Some(hashes) = file.strip_prefix(b".configured") {
            (is_hashes(hashes).then_some(Step::Configure)?, false)
        } else if file == b".built" {
            (Step::Compile, false)
        } else {
            return None;
        };
        Some(Stamp {
            step,
            owner: dir,
            host: host || built_in_host(),
            file,
        })
    }
}

const BUILD_DIR: &[u8] = b"/build_dir/";

struct End {
    length: usize,
    host: bool,
}

/// How much of what follows `/build_dir/` is the directory of one stage.
fn directory(rest: &[u8]) -> Option<End> {
    let first = component(rest);
    let second = component(rest.get(first + 1..)?);
    let name = &rest[first + 1..first + 1 + second];
    if second == 0 || name == b"." || name == b".." {
        return None;
    }
    let family = &rest[..first];
    let two = first + 1 + second;
    if matches!(family, b"host" | b"hostpkg") || family.starts_with(b"toolchain-") {
        return Some(End {
            length: two,
            host: true,
        });
    }
    if first == 0 {
        return None;
    }
    if matches!(name, b"host" | b"hostpkg") {
        let third = component(rest.get(two + 1..)?);
        return (third > 0).then_some(End {
            length: two + 1 + third,
            host: true,
        });
    }
    Some(End {
        length: two,
        host: false,
    })
}

/// The length of the path component that `text` begins with.
fn component(text: &[u8]) -> usize {
    text.iter()
        .position(|byte| *byte == b'/' || is_end(*byte))
        .unwrap_or(text.len())
}

/// Where the path that ends with `text` begins.
fn begin(text: &[u8]) -> usize {
    text.iter()
        .rposition(|byte| is_end(*byte) || *byte == b'=' || *byte == b':')
        .map_or(0, |at| at + 1)
}

/// What ends a path in a command. OpenWrt refuses to build in a path with
/// white space.
fn is_end(byte: u8) -> bool {
    ENDS[usize::from(byte)]
}

/// A table, because most bytes of a log are tried.
const ENDS: [bool; 256] = {
    let ends = b" \t\n\x0c\r\"'`;|&()<>[]{},*";
    let mut table = [false; 256];
    let mut at = 0;
    while at < ends.len() {
        table[ends[at] as usize] = true;
        at += 1;
    }
    table
};

/// Whose `stamp/.NAME_installed` this is.
fn installed<'a>(dir: &'a [u8], file: &'a [u8]) -> Option<Stamp<'a>> {
    let name = file.strip_prefix(b".")?.strip_suffix(b"_installed")?;
    // …/staging_dir/hostpkg/stamp, …/staging_dir/target-x/root-y/stamp
    let family = base(parent(dir));
    if family.starts_with(b"root-") || name.is_empty() {
        return None;
    }
    let host = matches!(family, b"host" | b"hostpkg") || family.starts_with(b"toolchain-");
    Some(Stamp {
        step: Step::Install,
        owner: name,
        host,
        file,
    })
}

/// Nothing, or hexadecimal digits in groups that `_` separates.
fn is_hashes(text: &[u8]) -> bool {
    let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'_');
    text.iter().all(is_digit) && !text.ends_with(b"_")
}

/// The last component of a path.
pub fn base(path: &[u8]) -> &[u8] {
    memrchr(b'/', path).map_or(path, |slash| &path[slash + 1..])
}

/// A path without its last component.
pub fn parent(path: &[u8]) -> &[u8] {
    memrchr(b'/', path).map_or(b"", |slash| &path[..slash])
}

/// The build tree that a path is in: what stands before `/build_dir/`.
pub fn tree(path: &[u8]) -> Option<&[u8]> {
    rfind(path, BUILD_DIR).map(|at| &path[..at])
}

#[cfg(test)]
mod tests;
