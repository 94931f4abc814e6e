//! The content of files, block by block, against what the values say of them.

use std::io::Read;

use anyhow::{Context, Result};

use crate::inspect::limits::Allowance;
use crate::inspect::members::{program, read_file};
use crate::inspect::{ControlMember, FileInfo, Package};

/// Lists of OpenWrt's own that rules look at, by what is behind the name.
const LISTS: [&str; 3] = ["list", "conffiles", "conffiles_static"];

/// A file's content as the values tell of it.
#[derive(Debug)]
pub(super) struct Expected {
    pub(super) size: u64,
    pub(super) sha256: String,
}

/// What the data blocks have to hold, in the order in which apk wants them.
#[derive(Debug, Default)]
pub(super) struct Contents {
    dirs: u32,
    files_of_dir: u32,
    expected: Vec<Place>,
    next: usize,
}

#[derive(Debug)]
struct Place {
    dir: u32,
    file: u32,
    /// Its number among the report's files.
    at: usize,
    content: Expected,
}

impl Contents {
    /// Begins the next directory.
    pub(super) fn dir(&mut self) {
        self.dirs = self.dirs.saturating_add(1);
        self.files_of_dir = 0;
    }

    /// Adds its next file, which is number `at` of the report.
    pub(super) fn file(&mut self, at: usize, content: Option<Expected>) {
        self.files_of_dir = self.files_of_dir.saturating_add(1);
        // An empty file has no block.
        if let Some(content) = content.filter(|content| content.size > 0) {
            self.expected.push(Place {
                dir: self.dirs,
                file: self.files_of_dir,
                at,
                content,
            });
        }
    }

    /// Reads a data block of `length` bytes.
    pub(super) fn block(
        &mut self,
        reader: &mut dyn Read,
        length: usize,
        package: &mut Package,
        allowance: &mut Allowance,
    ) -> Result<()> {
        let mut head = [0; 8];
        reader
            .read_exact(&mut head)
            .context("read the numbers of a data block")?;
        let [a, b, c, d, e, f, g, h] = head;
        let numbers = (
            u32::from_le_bytes([a, b, c, d]),
            u32::from_le_bytes([e, f, g, h]),
        );
        let place = self.expected.get(self.next);
        let place = place.filter(|place| (place.dir, place.file) == numbers);
        let size = length as u64 - 8;
        let Some(place) = place.filter(|place| place.content.size == size) else {
            let message = format!(
                "has {size} bytes for file {} of directory {}, where another file or size is next: apk stops here",
                numbers.1, numbers.0
            );
            package.findings.error("data-order", None, message);
            return Ok(());
        };
        self.next += 1;
        let path = package.report.files[place.at].path.clone();
        let is_list = list_name(&path, package).is_some();
        let (hash, kept, text) = if is_list {
            let text = allowance.text(reader).with_context(|| path.clone())?;
            let (hash, _) = read_file(&mut &text[..], size)?;
            (hash, Vec::new(), Some(text))
        } else {
            let (hash, kept) = read_file(reader, size).with_context(|| path.clone())?;
            (hash, kept, None)
        };
        if hash != place.content.sha256 {
            let message = "has another content than the package says: apk does not install it";
            package.findings.error("file-hash", Some(&path), message);
        }
        package.report.data_size = package.report.data_size.saturating_add(size);
        let elf = program(&path, kept, size, allowance, package)?;
        let info = &mut package.report.files[place.at];
        info.sha256 = Some(hash);
        info.elf = elf;
        if let Some(text) = text {
            list(&path, &text, package);
        }
        Ok(())
    }

    /// Says which files never came.
    pub(super) fn finish(self, package: &mut Package) {
        for place in &self.expected[self.next..] {
            let FileInfo { path, .. } = &package.report.files[place.at];
            let path = path.clone();
            let message = "has no content in the package";
            package.findings.error("data-missing", Some(&path), message);
        }
    }
}

/// The kind of list that `path` is of this package.
fn list_name(path: &str, package: &Package) -> Option<&'static str> {
    let name = package.report.control.get("name")?;
    let kind = path
        .strip_prefix("/lib/apk/packages/")?
        .strip_prefix(name)?
        .strip_prefix('.')?;
    LISTS.into_iter().find(|known| *known == kind)
}

fn list(path: &str, text: &[u8], package: &mut Package) {
    if let Some(name) = list_name(path, package) {
        package.report.members.push(ControlMember {
            name: name.to_owned(),
            mode: "0644".to_owned(),
            uid: 0,
            gid: 0,
            text: String::from_utf8_lossy(text).into_owned(),
        });
    }
}
