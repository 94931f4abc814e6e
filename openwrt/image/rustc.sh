#!/bin/bash
# What cargo runs as rustc: the pinned compiler, with what must not be in
# RUSTFLAGS (xtask/src/toolchain/starter.rs tells why). Build scripts and
# everything else for this machine get nothing besides.
#
# Given by cargo.sh:
#	XTASK_TARGET   Rust's target triple
#	XTASK_SYSROOT  where its standard library is
#	XTASK_REMAP    folders and what the compiled code calls them, one a line
set -eu

here=$(cd -P "${BASH_SOURCE[0]%/*}/.." && pwd)
for libraries in "$here"/rust/lib/*-linux-gnu; do
	if [ -d "$libraries" ]; then
		export LD_LIBRARY_PATH=$libraries
	fi
done

added=()
before=
for argument; do
	if [ "$before" = --target ] && [ "$argument" = "${XTASK_TARGET-}" ]; then
		added=(--sysroot "$XTASK_SYSROOT")
		while IFS= read -r pair; do
			added+=("--remap-path-prefix=$pair")
		done <<<"$XTASK_REMAP"
		break
	fi
	before=$argument
done
exec "$here/rust/bin/rustc" "$@" "${added[@]}"
