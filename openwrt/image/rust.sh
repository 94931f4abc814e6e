#!/bin/bash
# Stage `rust`: the pinned compiler with its standard library's source in
# /opt/xtask/rust, zig and cargo-zigbuild in /opt/xtask/zig. Nothing of the
# system is changed.
#
# Given: PROVIDER (rustup or debian), RUST_VERSION, ZIG_REQUIREMENTS.
. /run/xtask/common.sh

rust=/opt/xtask/rust
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Kept between builds, but no part of the image. It belongs to user 1000, which
# the SDK's images call buildbot.
downloads=/run/xtask/downloads
[ -w "$downloads" ] || downloads=$work/downloads

from_rustup() {
	say "Rust $RUST_VERSION from rustup"
	export RUSTUP_HOME=$work/rustup CARGO_HOME=$work/cargo
	local options=(--profile minimal --component rust-src --no-self-update)
	if ! command -v rustup >/dev/null; then
		curl --proto '=https' --tlsv1.2 -sSfL --retry 2 https://sh.rustup.rs -o "$work/rustup-init.sh" ||
			fail "rustup cannot be fetched" "without a network to it use --toolchain debian"
		sh "$work/rustup-init.sh" -y -q --no-modify-path --default-toolchain none
		PATH=$CARGO_HOME/bin:$PATH
	fi
	rustup toolchain install "$RUST_VERSION" "${options[@]}"
	mv "$RUSTUP_HOME/toolchains/$RUST_VERSION"-* "$rust"
	ln -s lib/rustlib/src/rust/library "$rust/library"
}

# Debian's packages, fetched and verified by apt with lists of our own, and
# unpacked: rustc-web conflicts with rustc, so it is never installed.
from_debian() {
	local packages=(rustc-web libstd-rust-web-dev cargo-web rust-web-src)
	local lists=$work/lists archives=$downloads/debian
	mkdir -p "$lists/partial" "$archives/partial"
	local options=(
		-o "Dir::State::lists=$lists" -o "Dir::Cache=$work" -o "Dir::Cache::archives=$archives"
		-o Debug::NoLocking=1 -o APT::Sandbox::User=
		-o Acquire::Retries=3 -o Acquire::http::Timeout=30 -o Acquire::https::Timeout=30
	)
	[ ! -s "$ca" ] || options+=(-o "Acquire::https::CaInfo=$ca")
	apt-get "${options[@]}" update -q
	local package offered common=
	for package in "${packages[@]}"; do
		offered=$(apt-cache "${options[@]}" madison "$package" | awk -F '|' '{ gsub(/ /, "", $2); print $2 }' | sort -u)
		if [ -z "$common" ]; then
			common=$offered
		else
			common=$(comm -12 <(echo "$common") <(echo "$offered"))
		fi
	done
	# The pinned version, else the oldest newer one: as without an image.
	local version
	version=$(printf '%s\n' "$common" "$RUST_VERSION" | sort -V | grep -A 1 -Fx -- "$RUST_VERSION" | sed -n 2p)
	[ -n "$version" ] ||
		fail "Debian offers no Rust $RUST_VERSION or newer here (only: $(echo $common))" \
			"use --toolchain rustup, or change \`rust\` of [toolchain] in openwrt/sdk.toml"
	case $version in
	"$RUST_VERSION"[+-]*) ;;
	*) say "warning: Rust $RUST_VERSION is no longer offered, $version is used" ;;
	esac
	say "Rust $version from Debian"
	options+=(--reinstall --no-install-recommends -y -q)
	export DEBIAN_FRONTEND=noninteractive
	# Only what this version needs: the folder of downloads outlives a build.
	apt-get "${options[@]}" install --simulate "${packages[@]/%/=$version}" |
		sed -nE 's/^Inst ([^ ]+) (\[[^]]*\] )?\(([^ ]+) .*\[([a-z0-9-]+)\]\).*/\1_\3_\4.deb/p' |
		sed 's/:/%3a/g' >"$work/names"
	apt-get "${options[@]}" install --download-only "${packages[@]/%/=$version}"
	mkdir "$work/unpacked"
	local deb
	while read -r deb; do
		# Older packages have libraries in /lib, which is /usr/lib since Debian 12.
		# Of the sources only the library's; no documentation.
		dpkg-deb --fsys-tarfile "$archives/$deb" | tar -x -C "$work/unpacked" --no-same-owner \
			--transform 's,^\./lib,./usr/lib,' --no-wildcards-match-slash \
			--exclude='./usr/share' --exclude='./etc' --exclude='./usr/src/rustc-*/[!l]*'
	done <"$work/names"
	find "$work/unpacked/usr/bin" -mindepth 1 ! -name rustc ! -name cargo -delete
	mv "$work/unpacked/usr" "$rust"
	local source
	source=$(cd "$rust" && echo src/rustc-*/library)
	ln -s "$source" "$rust/library"
}

case $PROVIDER in
rustup) from_rustup ;;
debian) from_debian ;;
*) fail "no provider $PROVIDER: rustup or debian" ;;
esac
[ -f "$rust/library/std/Cargo.toml" ] || fail "the compiler came without its standard library's source"
(
	for libraries in "$rust"/lib/*-linux-gnu; do
		[ ! -d "$libraries" ] || export LD_LIBRARY_PATH=$libraries
	done
	"$rust/bin/rustc" -vV
	"$rust/bin/cargo" -V
)

say "zig and cargo-zigbuild"
printf '%s\n' "$ZIG_REQUIREMENTS" >"$work/requirements.txt"
python3 -m pip install --no-deps --only-binary=:all: --require-hashes --no-compile --no-input \
	--disable-pip-version-check --retries=5 --timeout=30 --progress-bar off \
	--cache-dir "$downloads/pip" --target /opt/xtask/zig -r "$work/requirements.txt"
/opt/xtask/zig/ziglang/zig version
/opt/xtask/zig/bin/cargo-zigbuild --version
