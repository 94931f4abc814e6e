#!/bin/bash
# Stage `std`: the standard library for the target, from the compiler's own
# source, into /opt/xtask/std. Flags, settings and names of paths are those of
# xtask/src/toolchain/stdlib.rs: the same compiler gives the same bytes.
#
# Given: TARGET, STD_FLAGS, STD_FEATURES, STD_OPT_LEVEL.
. /run/xtask/common.sh

rust=/opt/xtask/rust
for libraries in "$rust"/lib/*-linux-gnu; do
	[ ! -d "$libraries" ] || export LD_LIBRARY_PATH=$libraries
done
library=$(cd -P "$rust/library" && pwd)
commit=$("$rust/bin/rustc" -vV | sed -n 's/^commit-hash: //p')
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Compiles for the target call the source what rustc's own build calls it. Not
# by RUSTFLAGS: cargo mixes those into every crate's hash.
cat >"$work/rustc" <<RUSTC
#!/bin/bash
before=
for argument; do
	if [ "\$before" = --target ] && [ "\$argument" = "$TARGET" ]; then
		exec "$rust/bin/rustc" "\$@" "--remap-path-prefix=$library=/rustc/${commit:-unknown}/library"
	fi
	before=\$argument
done
exec "$rust/bin/rustc" "\$@"
RUSTC
chmod 755 "$work/rustc"

arguments=(build --release --locked --package std --target "$TARGET")
[ -z "$STD_FEATURES" ] || arguments+=(--features "$STD_FEATURES")
if [ -d "$library/vendor" ]; then
	# The few crates that std itself needs come with its source; what only the
	# library's own tests need does not.
	arguments+=(
		-Zavoid-dev-deps --offline
		--config 'source.crates-io.replace-with="vendored-sources"'
		--config "source.vendored-sources.directory=\"$library/vendor\""
	)
fi

say "the standard library for $TARGET"
# Only what is named here reaches the build: an ARG of the Dockerfile must not.
build=(
	env -i "PATH=$PATH" "HOME=$work" "LD_LIBRARY_PATH=${LD_LIBRARY_PATH-}"
	"CARGO_HOME=$work/cargo" "CARGO_TARGET_DIR=$work/target"
	"CARGO_ENCODED_RUSTFLAGS=${STD_FLAGS// /$'\x1f'}"
	CARGO_INCREMENTAL=0
	"CARGO_PROFILE_RELEASE_OPT_LEVEL=$STD_OPT_LEVEL"
	CARGO_PROFILE_RELEASE_PANIC=abort
	CARGO_PROFILE_RELEASE_CODEGEN_UNITS=1
	RUSTC_BOOTSTRAP=1 "RUSTC=$work/rustc"
	# Empty, but set: cargo hashes that it is.
	RUSTC_WRAPPER= RUSTC_WORKSPACE_WRAPPER=
)
[ ! -s "$ca" ] || build+=("CARGO_HTTP_CAINFO=$ca")
(cd "$library" && "${build[@]}" "$rust/bin/cargo" "${arguments[@]}")

lib=/opt/xtask/std/$TARGET/sysroot/lib/rustlib/$TARGET/lib
mkdir -p "$lib"
cp "$work/target/$TARGET"/release/deps/*.rlib "$lib/"
ls "$lib"/libstd*.rlib >/dev/null || fail "the build gave no libstd"
say "$(ls "$lib" | wc -l) libraries"
