#!/bin/bash
# What OpenWrt's recipe runs as cargo: compiles a package exactly as
# `cargo xtask ipk` does without an SDK (xtask/src/compile/mod.rs), so that the
# same compiler gives the same bytes. Everything but `install` is plain cargo.
#
# Given by xtask:
#	XTASK_TARGET        Rust's target triple
#	XTASK_TARGET_FLAGS  rustc's flags, one a line
#	XTASK_PROFILE       cargo's arguments that define the profile, one a line
#	XTASK_ZIG_CACHE     a folder that zig may keep its compiled C library in
#
# bash: dash drops variables with a `-` in their names, which cargo hands on.
set -eu

here=$(cd -P "${BASH_SOURCE[0]%/*}/.." && pwd)
rust=$here/rust

# Shared libraries of an unpacked compiler that the system lacks.
for libraries in "$rust"/lib/*-linux-gnu; do
	if [ -d "$libraries" ]; then
		export LD_LIBRARY_PATH=$libraries
	fi
done

if [ "${1-}" != install ] || [ -z "${XTASK_TARGET-}" ]; then
	exec "$rust/bin/cargo" "$@"
fi

# The recipe's profile gives way to sdk.toml's. Its `-j1` stands for "make runs
# one job", but nothing else is built beside cargo.
shift
arguments=()
package=
while [ $# -gt 0 ]; do
	case $1 in
	--profile) shift ;;
	--profile=* | -j*) ;;
	--path)
		package=$2
		arguments+=("$1" "$2")
		shift
		;;
	*) arguments+=("$1") ;;
	esac
	shift
done
mapfile -t profile <<<"$XTASK_PROFILE"

locate=(locate-project --workspace --message-format=plain --manifest-path)
workspace=$("$rust/bin/cargo" "${locate[@]}" "$package/Cargo.toml")
workspace=${workspace%/*}

# The last match wins: the target directory may lie in the workspace.
remap=(
	"$CARGO_HOME=/cargo"
	"$workspace=/src"
	"$CARGO_TARGET_DIR=/target"
)
prefix_maps=
for pair in "${remap[@]}"; do
	prefix_maps+="${prefix_maps:+ }'-ffile-prefix-map=$pair'"
done

# OpenWrt's variables for C and Rust do not hold here: only these get in.
environment=()
while IFS= read -r name; do
	case $name in
	CARGO_HOME | CARGO_TARGET_DIR | CARGO_NET_* | CARGO_HTTP_* | CARGO_REGISTRY_* | CARGO_REGISTRIES_* | CARGO_SOURCE_* | CARGO_TERM_* | \
		HOME | USER | LOGNAME | LD_LIBRARY_PATH | PATH | TMPDIR | SOURCE_DATE_EPOCH | RUST_BACKTRACE | SSL_CERT_FILE | SSL_CERT_DIR | \
		[hH][tT][tT][pP]_[pP][rR][oO][xX][yY] | [hH][tT][tT][pP][sS]_[pP][rR][oO][xX][yY] | [aA][lL][lL]_[pP][rR][oO][xX][yY] | [nN][oO]_[pP][rR][oO][xX][yY])
		environment+=("$name=${!name}")
		;;
	esac
done < <(compgen -e)

# cargo-zigbuild writes its wrappers in place: where one build is at work at a
# time. What zig compiled is everybody's.
lines() { printf '%s\n' "$@"; }
exec env -i "${environment[@]}" \
	CARGO="$rust/bin/cargo" \
	RUSTC="$here/bin/rustc" \
	RUSTC_WRAPPER= RUSTC_WORKSPACE_WRAPPER= \
	CARGO_ENCODED_RUSTFLAGS="${XTASK_TARGET_FLAGS//$'\n'/$'\x1f'}" \
	CARGO_ZIGBUILD_ZIG_PATH="$here/zig/ziglang/zig" \
	CARGO_ZIGBUILD_PYTHON_PATH=/nonexistent/python3 \
	CARGO_ZIGBUILD_CACHE_DIR="$CARGO_TARGET_DIR/zigbuild" \
	ZIG_GLOBAL_CACHE_DIR="$XTASK_ZIG_CACHE/zig" \
	ZIG_LOCAL_CACHE_DIR="$XTASK_ZIG_CACHE/zig" \
	"CFLAGS_${XTASK_TARGET//-/_}=$prefix_maps" \
	CC_SHELL_ESCAPED_FLAGS=1 \
	LC_ALL=C TZ=UTC \
	XTASK_TARGET="$XTASK_TARGET" \
	XTASK_SYSROOT="$here/std/$XTASK_TARGET/sysroot" \
	XTASK_REMAP="$(lines "${remap[@]}")" \
	"$here/zig/bin/cargo-zigbuild" install "${arguments[@]}" --target "$XTASK_TARGET" "${profile[@]}"
