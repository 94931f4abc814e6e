#!/bin/bash
# Stage `system`, the only one that is root: Debian packages that the base
# lacks, and a folder of ours that the image's user owns.
#
# Given: BUILD_DEPENDENCIES, names of packages.
. /run/xtask/common.sh

[ "$(id -u)" = 0 ] || fail "stage system must be root"
id -u buildbot >/dev/null 2>&1 ||
	fail "the base image has no user buildbot" "use an image of OpenWrt's SDK as \`base\` in openwrt/sdk.toml"

missing=()
for package in $BUILD_DEPENDENCIES; do
	dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
	say "installing ${missing[*]}"
	options=(-o Acquire::Retries=3 -o Acquire::https::Timeout=30)
	[ ! -s "$ca" ] || options+=(-o "Acquire::https::CaInfo=$ca")
	export DEBIAN_FRONTEND=noninteractive
	apt-get "${options[@]}" update -q
	apt-get "${options[@]}" install -y -q --no-install-recommends "${missing[@]}"
	rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old /var/log/apt /var/log/dpkg.log
fi

# A source that is mounted belongs to another user: git would refuse to tell
# its commit, and OpenWrt would silently take a file's age as the package's time.
if command -v git >/dev/null; then
	git config --system --replace-all safe.directory '*'
fi

install -d -o buildbot -g "$(id -g buildbot)" /opt/xtask
