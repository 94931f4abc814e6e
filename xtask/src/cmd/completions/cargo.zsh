
# cargo's own completion calls this for `cargo xtask …`.
_cargo-xtask() { _xtask "$@" }
