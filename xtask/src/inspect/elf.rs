//! What a binary needs to run, and what an architecture runs: machine, byte
//! order, float ABI.

use serde::Serialize;

/// Facts of one ELF file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Elf {
    /// `exec`, `dyn` (libraries, and programs that load anywhere), `rel` (kernel
    /// modules), `other`.
    pub kind: &'static str,
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
        // The kernel and its modules use no floating point, so theirs is soft
        // everywhere.
        if elf.kind == "rel" {
            return None;
        }
        match (self.float_abi, elf.float_abi) {
            (Some(wanted), Some(found)) if wanted != found => Some(format!(
                "uses the {found}-float ABI, the architecture's is {wanted} float"
            )),
            _ => None,
        }
    }
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
}
