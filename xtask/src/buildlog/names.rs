//! Which recipe a build directory or a source archive is of, by its name: a
//! recipe called `rust` unpacks `rustc-1.90.0-src`.

use memchr::memchr;

/// The name in front of a version: `rustc` of `rustc-1.90.0-src`, `zig` of
/// `zig-linux-x86_64-0.13.0.tar.xz`'s first word when nothing else fits.
pub fn stem(name: &[u8]) -> &[u8] {
    let mut from = 0;
    while let Some(at) = memchr(b'-', &name[from..]) {
        let digits = name[from + at + 1..].strip_prefix(b"v");
        let after = digits.unwrap_or(&name[from + at + 1..]);
        if after.first().is_some_and(u8::is_ascii_digit) {
            return &name[..from + at];
        }
        from += at + 1;
    }
    memchr(b'.', name).map_or(name, |dot| &name[..dot])
}

/// True when a build directory or a source archive called `file` can be that of
/// the recipe `name`: `rustc-1.90.0-src` of `rust`, `Python-3.11.7` of
/// `python3`, `llvm-project-18.1.8` of `llvm-bpf`.
pub fn is_of_recipe(file: &[u8], name: &[u8]) -> bool {
    let fold = |text: &[u8]| text.to_ascii_lowercase();
    let digits = |text: &[u8]| {
        let kept = text
            .iter()
            .rposition(|byte| !byte.is_ascii_digit() && *byte != b'.');
        text[..kept.map_or(0, |at| at + 1)].to_vec()
    };
    let (file, name) = (fold(stem(file)), fold(name));
    let (file, name) = (digits(&file), digits(&name));
    if file.is_empty() || name.is_empty() {
        return false;
    }
    let word = |text: &[u8]| {
        text.split(|byte| !byte.is_ascii_alphanumeric())
            .next()
            .unwrap_or_default()
            .to_vec()
    };
    file.starts_with(&name) || name.starts_with(&file) || word(&file) == word(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_recipes() {
        for (file, name) in [
            ("rustc-1.90.0-src", "rust"),
            ("rustc-1.90.0-src.tar.xz", "rust"),
            ("Python-3.11.7", "python3"),
            ("go-1.23.4", "golang1.23"),
            ("zig-linux-x86_64-0.13.0", "zig"),
            ("llvm-project-18.1.8.src", "llvm-bpf"),
            ("node-v20.1.0", "node"),
            ("hello-rs-0.3.0", "hello-rs"),
            ("toolchain", "toolchain"),
        ] {
            assert!(
                is_of_recipe(file.as_bytes(), name.as_bytes()),
                "{file} {name}"
            );
        }
        for (file, name) in [
            ("rustc-1.90.0-src", "zig"),
            ("", "rust"),
            ("1.0", "2"),
            ("hello-1", "toolchain"),
        ] {
            assert!(
                !is_of_recipe(file.as_bytes(), name.as_bytes()),
                "{file} {name}"
            );
        }
    }
}
