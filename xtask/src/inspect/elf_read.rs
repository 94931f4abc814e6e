//! Reads ELF files that nobody vouches for: every count and every string is
//! bounded, since a few bytes may name the same large one many times.

use anyhow::{Context, Result, bail, ensure};
use object::elf;
use object::read::elf::{Dyn, FileHeader, ProgramHeader, SectionHeader};
use object::{Endianness, FileKind};

use super::elf::Elf;

/// Most program headers; compilers write about ten.
const MAX_SEGMENTS: usize = 1000;
/// Most sections; kernel modules have some hundred.
const MAX_SECTIONS: usize = 20_000;
/// Most entries of a dynamic section; glibc's largest has some dozen.
const MAX_DYNAMIC: usize = 10_000;
/// Most libraries, and the longest name of one (Linux's limit of a file name).
const MAX_NEEDED: usize = 1000;
const MAX_LIBRARY: usize = 255;
/// Longest interpreter: Linux's limit of a path.
const MAX_INTERPRETER: usize = 4096;

/// Reads an ELF file; `None` when it is none.
///
/// # Errors
/// A file that begins like ELF and is broken, or that exceeds the bounds.
pub fn read(bytes: &[u8]) -> Result<Option<Elf>> {
    if !bytes.starts_with(b"\x7fELF") {
        return Ok(None);
    }
    match FileKind::parse(bytes).context("read the ELF header")? {
        FileKind::Elf32 => facts(elf::FileHeader32::<Endianness>::parse(bytes)?, bytes, 32),
        FileKind::Elf64 => facts(elf::FileHeader64::<Endianness>::parse(bytes)?, bytes, 64),
        _ => Ok(None),
    }
}

fn facts<H>(header: &H, data: &[u8], bits: u8) -> Result<Option<Elf>>
where
    H: FileHeader<Endian = Endianness>,
{
    let endian = header.endian()?;
    let segments = header
        .program_headers(endian, data)
        .context("read the program headers")?;
    ensure!(
        segments.len() <= MAX_SEGMENTS,
        "it has {} program headers",
        segments.len()
    );
    let sections = header
        .section_headers(endian, data)
        .context("read the section headers")?;
    ensure!(
        sections.len() <= MAX_SECTIONS,
        "it has {} sections",
        sections.len()
    );
    let machine = header.e_machine(endian);
    Ok(Some(Elf {
        kind: match header.e_type(endian) {
            elf::ET_EXEC => "exec",
            elf::ET_DYN => "dyn",
            elf::ET_REL => "rel",
            _ => "other",
        },
        machine: machine_name(machine),
        bits,
        endian: match endian {
            Endianness::Little => "little",
            Endianness::Big => "big",
        },
        float_abi: float_abi::<H>(machine, header.e_flags(endian), endian, segments, data)?,
        interpreter: interpreter::<H>(endian, segments, data)?,
        needed: needed::<H>(endian, sections, data)?,
        stripped: is_stripped(header, endian, sections, data)?,
    }))
}

/// The string at `start`, not looked at beyond `limit` bytes.
fn string(bytes: &[u8], start: usize, limit: usize) -> Option<String> {
    let rest = bytes.get(start..)?;
    let window = &rest[..rest.len().min(limit + 1)];
    let length = window.iter().position(|byte| *byte == 0)?;
    Some(String::from_utf8_lossy(&window[..length]).into_owned())
}

fn interpreter<H: FileHeader<Endian = Endianness>>(
    endian: Endianness,
    segments: &[H::ProgramHeader],
    data: &[u8],
) -> Result<Option<String>> {
    let mut found = segments
        .iter()
        .filter(|segment| segment.p_type(endian) == elf::PT_INTERP);
    let Some(segment) = found.next() else {
        return Ok(None);
    };
    ensure!(found.next().is_none(), "it names several interpreters");
    let bytes = segment
        .data(endian, data)
        .ok()
        .context("read the interpreter")?;
    string(bytes, 0, MAX_INTERPRETER)
        .with_context(|| {
            format!("its interpreter's name does not end within {MAX_INTERPRETER} bytes")
        })
        .map(Some)
}

fn needed<H: FileHeader<Endian = Endianness>>(
    endian: Endianness,
    sections: &[H::SectionHeader],
    data: &[u8],
) -> Result<Vec<String>> {
    let mut found = sections
        .iter()
        .filter(|section| section.sh_type(endian) == elf::SHT_DYNAMIC);
    let Some(section) = found.next() else {
        return Ok(Vec::new());
    };
    ensure!(found.next().is_none(), "it has several dynamic sections");
    let Some((entries, link)) = section
        .dynamic(endian, data)
        .context("read the dynamic section")?
    else {
        return Ok(Vec::new());
    };
    ensure!(
        entries.len() <= MAX_DYNAMIC,
        "its dynamic section has {} entries",
        entries.len()
    );
    let strings = sections
        .get(link.0)
        .and_then(|section| section.data(endian, data).ok())
        .context("read library names")?;
    let mut needed = Vec::new();
    for entry in entries {
        match entry.tag32(endian) {
            // What follows the end is room for a linker that adds entries.
            Some(elf::DT_NULL) => break,
            Some(elf::DT_NEEDED) => {}
            _ => continue,
        }
        if needed.len() == MAX_NEEDED {
            bail!("it needs more than {MAX_NEEDED} libraries");
        }
        let name = entry
            .val32(endian)
            .and_then(|start| string(strings, start as usize, MAX_LIBRARY))
            .with_context(|| format!("a library's name does not end within {MAX_LIBRARY} bytes"))?;
        needed.push(name);
    }
    Ok(needed)
}

fn is_stripped<H: FileHeader<Endian = Endianness>>(
    header: &H,
    endian: Endianness,
    sections: &[H::SectionHeader],
    data: &[u8],
) -> Result<bool> {
    if sections.is_empty() {
        return Ok(true);
    }
    let names = header
        .shstrndx(endian, data)
        .ok()
        .and_then(|index| sections.get(index as usize))
        .and_then(|section| section.data(endian, data).ok())
        .unwrap_or_default();
    Ok(!sections.iter().any(|section| {
        let name = names
            .get(section.sh_name(endian) as usize..)
            .unwrap_or_default();
        section.sh_type(endian) == elf::SHT_SYMTAB || name.starts_with(b".debug")
    }))
}

fn machine_name(machine: u16) -> String {
    match machine {
        elf::EM_AARCH64 => "aarch64".into(),
        elf::EM_ARM => "arm".into(),
        elf::EM_MIPS => "mips".into(),
        elf::EM_RISCV => "riscv".into(),
        elf::EM_X86_64 => "x86_64".into(),
        elf::EM_386 => "x86".into(),
        elf::EM_PPC => "powerpc".into(),
        elf::EM_PPC64 => "powerpc64".into(),
        elf::EM_LOONGARCH => "loongarch".into(),
        elf::EM_BPF => "bpf".into(),
        other => format!("machine {other}"),
    }
}

/// The calling convention for floating point, where a machine has two.
fn float_abi<H: FileHeader<Endian = Endianness>>(
    machine: u16,
    flags: u32,
    endian: Endianness,
    segments: &[H::ProgramHeader],
    data: &[u8],
) -> Result<Option<&'static str>> {
    Ok(match machine {
        elf::EM_ARM if flags & elf::EF_ARM_ABI_FLOAT_HARD != 0 => Some("hard"),
        elf::EM_ARM if flags & elf::EF_ARM_ABI_FLOAT_SOFT != 0 => Some("soft"),
        elf::EM_RISCV if flags & elf::EF_RISCV_FLOAT_ABI != 0 => Some("hard"),
        elf::EM_RISCV => Some("soft"),
        elf::EM_MIPS => mips_float_abi::<H>(endian, segments, data)?,
        _ => None,
    })
}

/// `fp_abi` of `.MIPS.abiflags` (MIPS "o32 FPXX" specification: byte 7 of the
/// 24-byte record; 3 is soft, 1, 2 and 5 to 7 are hard).
fn mips_float_abi<H: FileHeader<Endian = Endianness>>(
    endian: Endianness,
    segments: &[H::ProgramHeader],
    data: &[u8],
) -> Result<Option<&'static str>> {
    const PT_MIPS_ABIFLAGS: u32 = 0x7000_0003;
    let Some(segment) = segments
        .iter()
        .find(|segment| segment.p_type(endian) == PT_MIPS_ABIFLAGS)
    else {
        return Ok(None);
    };
    let record = segment
        .data(endian, data)
        .ok()
        .context("read .MIPS.abiflags")?;
    Ok(match record.get(7) {
        Some(3) => Some("soft"),
        Some(1 | 2 | 5..=7) => Some("hard"),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::elf::expected;
    use super::*;

    #[test]
    fn this_test_program_is_described() {
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let elf = read(&own).unwrap().unwrap();
        assert_eq!(elf.machine, std::env::consts::ARCH);
        assert!(
            elf.needed
                .iter()
                .any(|library| library.starts_with("libc.so")),
            "{elf:?}"
        );
        assert!(
            elf.interpreter
                .as_deref()
                .is_some_and(|path| path.contains("ld-linux"))
        );
        assert!(!elf.stripped);
        let message = expected("mips_24kc").unwrap().mismatch(&elf).unwrap();
        assert!(
            message.ends_with("the architecture is mips (32 bit, big endian)"),
            "{message}"
        );
    }

    #[test]
    fn broken_files_are_errors_not_panics() {
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        assert_eq!(read(b"#!/bin/sh\n").unwrap(), None);
        for length in [4, 16, 52, 63, 64, 100, 1000] {
            let _ = read(&own[..length]);
        }
        assert!(read(&own[..40]).is_err());
    }
}
