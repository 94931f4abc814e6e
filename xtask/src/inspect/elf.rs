//! What a binary needs to run: machine, byte order, float ABI, interpreter.

use anyhow::{Context, Result};
use object::elf;
use object::read::elf::{ElfFile, FileHeader, ProgramHeader, SectionHeader};
use object::{Endianness, FileKind};
use serde::Serialize;

/// Facts of one ELF file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Elf {
    /// `aarch64`, `arm`, `mips`, `riscv`, `x86_64`, or the number.
    pub machine: String,
    /// 32 or 64.
    pub bits: u8,
    /// `little` or `big`.
    pub endian: &'static str,
    /// `hard`, `soft`, or absent where the machine has only one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub float_abi: Option<&'static str>,
    /// The dynamic loader; absent for a static program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interpreter: Option<String>,
    /// Shared libraries that it names.
    pub needed: Vec<String>,
    /// True when it has neither symbols nor debug information.
    pub stripped: bool,
}

/// What an architecture's binaries must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    machine: &'static str,
    bits: u8,
    endian: &'static str,
    float_abi: Option<&'static str>,
}

/// What OpenWrt's architecture name promises (target/linux/*/Makefile:
/// `ARCH_PACKAGES` is `<ARCH>_<CPU_TYPE>[_<CPU_SUBTYPE>]`; a subtype with vfp or
/// neon, or mips' `24kf`, is hard float). `None` for `all` and unknown names.
pub fn expected(arch: &str) -> Option<Expected> {
    let family = arch.split('_').next().unwrap_or_default();
    let is = |machine, bits, endian, float_abi| {
        Some(Expected {
            machine,
            bits,
            endian,
            float_abi,
        })
    };
    let mips_float = Some(if arch.contains("24kf") {
        "hard"
    } else {
        "soft"
    });
    match family {
        "aarch64" => is("aarch64", 64, "little", None),
        "arm" if arch.contains("vfp") || arch.contains("neon") => {
            is("arm", 32, "little", Some("hard"))
        }
        "arm" => is("arm", 32, "little", Some("soft")),
        "mips" => is("mips", 32, "big", mips_float),
        "mipsel" => is("mips", 32, "little", mips_float),
        "mips64" => is("mips", 64, "big", None),
        "mips64el" => is("mips", 64, "little", None),
        "riscv64" => is("riscv", 64, "little", Some("hard")),
        "x86" if arch.starts_with("x86_64") => is("x86_64", 64, "little", None),
        "i386" => is("x86", 32, "little", None),
        "powerpc" => is("powerpc", 32, "big", None),
        "powerpc64" => is("powerpc64", 64, "big", None),
        "loongarch64" => is("loongarch", 64, "little", None),
        _ => None,
    }
}

impl Expected {
    /// What does not fit, in words; `None` when the binary can run.
    pub fn mismatch(&self, elf: &Elf) -> Option<String> {
        let own = (self.machine, self.bits, self.endian);
        if own != (elf.machine.as_str(), elf.bits, elf.endian) {
            return Some(format!(
                "is for {} ({} bit, {} endian), the architecture is {} ({} bit, {} endian)",
                elf.machine, elf.bits, elf.endian, self.machine, self.bits, self.endian
            ));
        }
        match (self.float_abi, elf.float_abi) {
            (Some(wanted), Some(found)) if wanted != found => Some(format!(
                "uses the {found}-float ABI, the architecture's is {wanted} float"
            )),
            _ => None,
        }
    }
}

/// Reads an ELF file; `None` when it is none.
///
/// # Errors
/// A file that begins like ELF and is broken.
pub fn read(bytes: &[u8]) -> Result<Option<Elf>> {
    if !bytes.starts_with(b"\x7fELF") {
        return Ok(None);
    }
    match FileKind::parse(bytes).context("read the ELF header")? {
        FileKind::Elf32 => {
            facts(&ElfFile::<elf::FileHeader32<Endianness>>::parse(bytes)?, 32).map(Some)
        }
        FileKind::Elf64 => {
            facts(&ElfFile::<elf::FileHeader64<Endianness>>::parse(bytes)?, 64).map(Some)
        }
        _ => Ok(None),
    }
}

fn facts<H: FileHeader<Endian = Endianness>>(file: &ElfFile<'_, H>, bits: u8) -> Result<Elf> {
    let (endian, data) = (file.endian(), file.data());
    let header = file.elf_header();
    let machine = header.e_machine(endian);
    let mut interpreter = None;
    for segment in file.elf_program_headers() {
        if let Some(path) = segment
            .interpreter(endian, data)
            .context("read the interpreter")?
        {
            interpreter = Some(String::from_utf8_lossy(path).into_owned());
        }
    }
    let mut needed = Vec::new();
    let mut stripped = true;
    let sections = file.elf_section_table();
    for section in sections.iter() {
        let name = sections.section_name(endian, section).unwrap_or_default();
        stripped &= section.sh_type(endian) != elf::SHT_SYMTAB && !name.starts_with(b".debug");
        if let Some((entries, link)) = section
            .dynamic(endian, data)
            .context("read the dynamic section")?
        {
            let strings = sections
                .strings(endian, data, link)
                .context("read library names")?;
            use object::read::elf::Dyn;
            for entry in entries
                .iter()
                .filter(|entry| entry.tag32(endian) == Some(elf::DT_NEEDED))
            {
                let name = entry
                    .string(endian, strings)
                    .context("read a library's name")?;
                needed.push(String::from_utf8_lossy(name).into_owned());
            }
        }
    }
    Ok(Elf {
        machine: machine_name(machine),
        bits,
        endian: if endian == Endianness::Little {
            "little"
        } else {
            "big"
        },
        float_abi: float_abi(machine, header.e_flags(endian), file)?,
        interpreter,
        needed,
        stripped,
    })
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
        other => format!("machine {other}"),
    }
}

/// The calling convention for floating point, where a machine has two.
fn float_abi<H: FileHeader<Endian = Endianness>>(
    machine: u16,
    flags: u32,
    file: &ElfFile<'_, H>,
) -> Result<Option<&'static str>> {
    Ok(match machine {
        elf::EM_ARM if flags & elf::EF_ARM_ABI_FLOAT_HARD != 0 => Some("hard"),
        elf::EM_ARM if flags & elf::EF_ARM_ABI_FLOAT_SOFT != 0 => Some("soft"),
        elf::EM_RISCV if flags & elf::EF_RISCV_FLOAT_ABI != 0 => Some("hard"),
        elf::EM_RISCV => Some("soft"),
        elf::EM_MIPS => mips_float_abi(file)?,
        _ => None,
    })
}

/// `fp_abi` of `.MIPS.abiflags` (MIPS "o32 FPXX" specification: byte 7 of the
/// 24-byte record; 3 is soft, 1, 2 and 5 to 7 are hard).
fn mips_float_abi<H: FileHeader<Endian = Endianness>>(
    file: &ElfFile<'_, H>,
) -> Result<Option<&'static str>> {
    const PT_MIPS_ABIFLAGS: u32 = 0x7000_0003;
    let endian = file.endian();
    for segment in file.elf_program_headers() {
        if segment.p_type(endian) == PT_MIPS_ABIFLAGS {
            let record = segment
                .data(endian, file.data())
                .ok()
                .context("read .MIPS.abiflags")?;
            return Ok(match record.get(7) {
                Some(3) => Some("soft"),
                Some(1 | 2 | 5..=7) => Some("hard"),
                _ => None,
            });
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn architectures_and_what_they_promise() {
        let own = |arch: &str| expected(arch).map(|e| (e.machine, e.bits, e.endian, e.float_abi));
        assert_eq!(own("mips_24kc"), Some(("mips", 32, "big", Some("soft"))));
        assert_eq!(
            own("mipsel_24kc_24kf"),
            Some(("mips", 32, "little", Some("hard")))
        );
        assert_eq!(
            own("arm_cortex-a7_neon-vfpv4"),
            Some(("arm", 32, "little", Some("hard")))
        );
        assert_eq!(
            own("arm_arm926ej-s"),
            Some(("arm", 32, "little", Some("soft")))
        );
        assert_eq!(own("x86_64"), Some(("x86_64", 64, "little", None)));
        assert_eq!(own("all"), None);
    }

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
