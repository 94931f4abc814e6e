//! Which host stages are compilers. Any host stage that is made again counts as
//! a rebuild; but that Python was not says nothing about Rust.

/// Recipes of OpenWrt's feeds, the version behind them left out.
const COMPILERS: [&str; 16] = [
    "rust", "rustc", "golang", "go", "zig", "llvm", "clang", "gcc", "node", "ghc", "ocaml",
    "openjdk", "swift", "ldc", "nim", "crystal",
];

/// Whether the recipe's or build directory's name (`rust`, `golang1.23`,
/// `llvm-bpf`) is a compiler's.
pub fn is_compiler(name: &str) -> bool {
    let base = name.rsplit('/').next().unwrap_or(name);
    COMPILERS.iter().any(|known| {
        base.strip_prefix(known)
            .is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphabetic()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_and_without_a_version() {
        for name in ["rust", "lang/rust", "golang1.23", "llvm-bpf", "gcc-13.3.0"] {
            assert!(is_compiler(name), "{name}");
        }
        for name in [
            "python3",
            "gobject-introspection",
            "rustic",
            "nodogsplash",
            "",
        ] {
            assert!(!is_compiler(name), "{name}");
        }
    }
}
