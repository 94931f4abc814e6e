//! What the first block tells of: info, scripts, directories and files.
//!
//! Values may share places: a few bytes can tell of a million files. Every
//! entry is counted before it is kept.

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};

use super::content::{Contents, Expected};
use crate::fingerprint::hex;
use crate::inspect::limits::Allowance;
use crate::inspect::members::installed_path;
use crate::inspect::{Control, ControlMember, FileInfo, Package};
use crate::package::adb::depend::Dependency;
use crate::package::adb::read::{Adb, Object};
use crate::package::adb::schema::info::{self, Form};
use crate::package::adb::schema::{SCRIPTS, acl, dir, file, package as fields};
use crate::package::adb::value::{Kind, Value};
use crate::package::apk::info::UNIQUE_ID;

/// User and group that apk takes for names that the router does not have.
const NOBODY: u64 = 65534;

/// Reads everything into the report; gives what the data blocks have to hold.
pub(super) fn read(
    bytes: &[u8],
    package: &mut Package,
    allowance: &mut Allowance,
) -> Result<Contents> {
    let root = Adb::new(bytes)?.root()?;
    let info = root.object(fields::INFO).context("its info")?;
    package.report.control = control(info, allowance).context("its info")?;
    unique_id(bytes, info, package)?;
    scripts(root, package, allowance).context("its scripts")?;
    let mut contents = Contents::default();
    for (number, value) in root.object(fields::PATHS)?.values().enumerate() {
        allowance.entry()?;
        directory(root.adb().object(value)?, package, allowance, &mut contents)
            .with_context(|| format!("directory {}", number + 1))?;
    }
    Ok(contents)
}

/// The info's fields under apk's names for them; lists as words.
pub(in crate::inspect) fn control(
    object: Object<'_>,
    allowance: &mut Allowance,
) -> Result<Control> {
    let mut fields = Vec::new();
    for (number, (name, form)) in info::FIELDS.iter().enumerate() {
        let slot = number + 1;
        if object.value(slot) == Value::NULL {
            continue;
        }
        let text = field(object, slot, *form, allowance).with_context(|| (*name).to_owned())?;
        fields.push(((*name).to_owned(), text));
    }
    Ok(Control::from_fields(fields))
}

fn field(object: Object<'_>, slot: usize, form: Form, allowance: &mut Allowance) -> Result<String> {
    Ok(match form {
        Form::Text => text(object.blob(slot)?, allowance)?,
        Form::Hex => {
            let bytes = object.blob(slot)?;
            allowance.name(bytes.len() * 2)?;
            hex(bytes)
        }
        Form::Number => object.int(slot)?.to_string(),
        Form::Dependencies | Form::Words => {
            let mut words = Vec::new();
            for value in object.object(slot)?.values() {
                allowance.entry()?;
                words.push(match form {
                    Form::Words => text(object.adb().blob(value)?, allowance)?,
                    _ => {
                        let word = Dependency::read(object.adb().object(value)?)?.to_string();
                        allowance.name(word.len())?;
                        word
                    }
                });
            }
            words.join(" ")
        }
    })
}

fn text(bytes: &[u8], allowance: &mut Allowance) -> Result<String> {
    allowance.name(bytes.len())?;
    Ok(String::from_utf8_lossy(bytes).into_owned())
}

/// The number that identifies the package is made from all other values.
fn unique_id(bytes: &[u8], info: Object<'_>, package: &mut Package) -> Result<()> {
    let value = info.value(info::HASHES);
    let found = info.blob(info::HASHES)?;
    let at = value.rest() + 1;
    let is_right = found.len() == UNIQUE_ID && value.kind() == Kind::Blob8 && {
        let mut hash = Sha256::new();
        hash.update(&bytes[..at]);
        hash.update([0; UNIQUE_ID]);
        hash.update(&bytes[at + UNIQUE_ID..]);
        hash.finalize()[..UNIQUE_ID] == *found
    };
    if !is_right {
        let message = "the number that identifies it is not made from its content: apk may take it for another package";
        package.findings.warning("unique-id", None, message);
    }
    Ok(())
}

fn scripts(root: Object<'_>, package: &mut Package, allowance: &mut Allowance) -> Result<()> {
    let scripts = root.object(fields::SCRIPTS)?;
    for (number, name) in SCRIPTS.iter().enumerate() {
        let mut bytes = scripts.blob(number + 1)?;
        if bytes.is_empty() {
            continue;
        }
        let text = allowance.text(&mut bytes)?;
        package.report.members.push(ControlMember {
            name: (*name).to_owned(),
            // As apk writes it before it runs it.
            mode: "0755".to_owned(),
            uid: 0,
            gid: 0,
            text: String::from_utf8_lossy(&text).into_owned(),
        });
    }
    Ok(())
}

fn directory(
    object: Object<'_>,
    package: &mut Package,
    allowance: &mut Allowance,
    contents: &mut Contents,
) -> Result<()> {
    let path = text(object.blob(dir::NAME)?, allowance)?;
    let owner = owner(object.object(dir::ACL)?, allowance)?;
    let files = object.object(dir::FILES)?;
    let report = &mut package.report;
    report.files.push(FileInfo {
        kind: "dir",
        ..owner.of(installed_path(path.as_bytes()))
    });
    contents.dir();
    for (number, value) in files.values().enumerate() {
        allowance.entry()?;
        let (info, expected) = entry(object.adb().object(value)?, &path, allowance)
            .with_context(|| format!("its file {}", number + 1))?;
        contents.file(package.report.files.len(), expected);
        package.report.files.push(info);
    }
    Ok(())
}

/// A file or link, and what its data block has to hold.
fn entry(
    object: Object<'_>,
    dir: &str,
    allowance: &mut Allowance,
) -> Result<(FileInfo, Option<Expected>)> {
    let name = text(object.blob(file::NAME)?, allowance)?;
    ensure!(
        !name.is_empty() && !name.contains('/'),
        "its name is {name:?}, which no directory can have"
    );
    allowance.name(dir.len())?;
    let path = installed_path(format!("{dir}/{name}").as_bytes());
    let owner = owner(object.object(file::ACL)?, allowance)?;
    let size = object.int(file::SIZE)?;
    let hash = object.blob(file::HASH)?;
    allowance.name(2 * hash.len())?;
    let target = object.blob(file::TARGET)?;
    let (kind, target) = match target.split_at_checked(2) {
        None if target.is_empty() => ("file", None),
        None => ("other", None),
        Some((kind, to)) => {
            let kind = match u16::from_le_bytes([kind[0], kind[1]]) {
                file::SYMLINK => "symlink",
                file::REGULAR => "hardlink",
                _ => "other",
            };
            (kind, Some(text(to, allowance)?))
        }
    };
    let sha256 = (kind == "file").then(|| hex(hash));
    let expected = sha256.clone().map(|sha256| Expected { size, sha256 });
    Ok((
        FileInfo {
            kind,
            size,
            target,
            sha256,
            ..owner.of(path)
        },
        expected,
    ))
}

/// Who owns an entry, and its mode.
struct Owner {
    mode: u64,
    user: String,
    group: String,
}

fn owner(object: Object<'_>, allowance: &mut Allowance) -> Result<Owner> {
    Ok(Owner {
        mode: object.int(acl::MODE)?,
        user: text(object.blob(acl::USER)?, allowance)?,
        group: text(object.blob(acl::GROUP)?, allowance)?,
    })
}

impl Owner {
    fn of(self, path: String) -> FileInfo {
        let number = |name: &str| if name == "root" { 0 } else { NOBODY };
        FileInfo {
            path,
            kind: "other",
            mode: format!("{:04o}", self.mode),
            uid: number(&self.user),
            gid: number(&self.group),
            user: Some(self.user),
            group: Some(self.group),
            size: 0,
            target: None,
            sha256: None,
            elf: None,
        }
    }
}
