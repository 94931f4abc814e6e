#!/bin/bash
# Stage `sdk`: OpenWrt's SDK is configured, its feed is fetched, and with
# RUST=feed the feed's own Rust is baked.
#
# OpenWrt decides by names and times of stamps what it makes again. So that
# nothing which is made here is made again in a container:
# - the settings that stamps' names hold come from the one .config that
#   containers use too;
# - files of feeds get whole seconds before the bake, as layers of an image keep
#   no more, and are older than every stamp;
# - what was downloaded is kept.
#
# Given: RUST, ARCH, RELEASE_VERSION, FEEDS (lines), CONFIG_SEED (file names).
. /run/xtask/common.sh

tree=/builder
log=/opt/xtask/bake.log
cd "$tree" || fail "the base image has no $tree" "use an image of OpenWrt's SDK as \`base\` in openwrt/sdk.toml"
# OpenWrt's images of some releases bring a script in place of the SDK.
if [ ! -d scripts ] && [ -f setup.sh ]; then
	say "fetching the SDK"
	bash ./setup.sh
fi
[ -f rules.mk ] && [ -x scripts/feeds ] ||
	fail "there is no OpenWrt SDK in $tree" "use an image of OpenWrt's SDK as \`base\` in openwrt/sdk.toml"

# What the feeds' commits were, and when: the SDK's own age.
age=$(stat -c %Y rules.mk)
: >"$log"

# run WHAT COMMAND...: its output is shown and kept.
run() {
	say "$1" | tee -a "$log"
	shift
	"$@" 2>&1 | tee -a "$log"
}

if [ -n "$FEEDS" ]; then
	printf '%s\n' "$FEEDS" >feeds.conf
	run "fetching the feeds of openwrt/sdk.toml" ./scripts/feeds update -a
else
	# The others hold nothing that a Rust package needs.
	run "fetching the feed packages" ./scripts/feeds update packages
fi
[ -f feeds/packages/lang/rust/rust-package.mk ] || fail \
	"the feed packages has no lang/rust/rust-package.mk, which the recipe includes: $(grep -h '[[:space:]]packages[[:space:]]' feeds.conf feeds.conf.default 2>/dev/null | head -n 1)" \
	"name a packages feed of OpenWrt 23.05 or newer in \`feeds\` of [image] in openwrt/sdk.toml"
for patch in /run/xtask/context/openwrt/patches/*.patch; do
	[ ! -f "$patch" ] || run "applying ${patch##*/}" patch -p1 --forward --no-backup-if-mismatch -i "$patch"
done
find feeds/ -xdev -exec touch -h -d "@$age" {} +
if [ -d dl ]; then
	find dl/ -xdev -type f -exec touch -h -d "@$age" {} +
fi
if [ "$RUST" = feed ]; then
	run "installing the feed's Rust" ./scripts/feeds install -p packages rust
fi

seeds=()
for seed in $CONFIG_SEED; do
	seeds+=("/run/xtask/context/$seed")
done
cat "${seeds[@]}" >.config
run "configuring" make defconfig
touch -d "@$(stat -c %Y .config)" .config
for name in CONFIG_AUTOREMOVE CONFIG_AUTOREBUILD; do
	asked=$(cat "${seeds[@]}" | sed -nE "s/^($name=.*|# $name is not set)\$/\1/p" | tail -n 1)
	if [ -n "$asked" ] && ! grep -Fxq -- "$asked" .config; then
		grep "$name" .config || true
		fail "make defconfig does not keep $asked" "containers would name stamps otherwise than this image: change config_seed of [image] in openwrt/sdk.toml"
	fi
done
is=$(sed -n 's/^CONFIG_TARGET_ARCH_PACKAGES="\(.*\)"$/\1/p' .config)
[ -z "$is" ] || [ "$is" = "$ARCH" ] ||
	fail "the base image's SDK is for $is, not for $ARCH" "look at \`base\` of [image] and \`board\` of [arch.$ARCH] in openwrt/sdk.toml"
is=$(sed -nE 's/^VERSION_NUMBER:=\$\(if \$\(VERSION_NUMBER\),\$\(VERSION_NUMBER\),([0-9.]+)\)$/\1/p' include/version.mk 2>/dev/null || true)
[ -z "$is" ] || [ "$is" = "$RELEASE_VERSION" ] ||
	fail "the base image's SDK is of release $is, not $RELEASE_VERSION" "look at \`base\` of [image] in openwrt/sdk.toml"

if [ "$RUST" = feed ]; then
	run "baking the feed's Rust" make "-j$(nproc)" package/feeds/packages/rust/host/compile V=s DEBUG=r
	ls staging_dir/hostpkg/stamp/.rust_installed >/dev/null 2>&1 ||
		fail "make succeeded, but left no stamp of rust/host"
fi
