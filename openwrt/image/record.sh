#!/bin/bash
# Stage `sdk`, its end: writes down what was baked, for those who ask later
# whether it still is what it was.
#
#	/opt/xtask/toolchain.sha256  sha256sum's list of the files of the compiler
#	                             and of the scripts that start it. Its
#	                             comments: `# link PATH -> TARGET` and
#	                             `# stamp SECONDS PATH`
#	/opt/xtask/baked.json        what `cargo xtask log --baseline` reads
#
# Given: RUST.
. /run/xtask/common.sh
export LC_ALL=C

tree=/builder
cd "$tree" || exit

case $RUST in
pinned) parts=(/opt/xtask/bin /opt/xtask/rust /opt/xtask/zig /opt/xtask/std) ;;
feed) parts=("$tree"/staging_dir/target-*/host) ;;
esac

# Stamps of the host stages, which are what can be made again.
stamps() {
	find "$tree"/build_dir/host "$tree"/build_dir/hostpkg "$tree"/build_dir/target-*/host \
		-mindepth 2 -maxdepth 2 -type f \
		\( -name '.prepared*' -o -name '.configured*' -o -name '.built*' \) ! -name '*_check*' 2>/dev/null || true
	find "$tree"/staging_dir/host/stamp "$tree"/staging_dir/hostpkg/stamp -type f -name '.*_installed' 2>/dev/null || true
}

{
	find "${parts[@]}" -type f -print0 | sort -z | xargs -0 -r sha256sum
	find "${parts[@]}" -type l -printf '# link %p -> %l\n' | sort
	stamps | sort | while read -r stamp; do
		echo "# stamp $(stat -c %Y "$stamp") $stamp"
	done
} >/opt/xtask/toolchain.sha256

# setting NAME: its value in .config.
setting() { sed -n "s/^CONFIG_$1=//p" .config | tail -n 1 | tr -d '"'; }
quote() { printf '"%s"' "$(printf %s "$1" | sed 's/[\\"]/\\&/g')"; }
# The times that find prints have one digit more than nanoseconds have.
newest() { cut -f 2 | sort -n | tail -n 1 | cut -c 1-20; }

# In 24.10 directories do not count for a stamp's name.
kind=()
if grep -q '^find_md5=.*-type f' include/depends.mk 2>/dev/null; then
	kind=(-type f)
fi

# stage NAME RECIPE PREPARED: one stage's JSON.
stage() {
	local files download='' archive
	files=$(find "$2" "${kind[@]}" ! -path '*/.*_check' ! -path '*:*' ! -path '* *' -printf '%p\t%T@\n' | sort)
	for archive in dl/"$3".* dl/"${3%-src}".*; do
		[ ! -f "$archive" ] || download=$(stat -c %.9Y "$archive")
	done
	printf '\n    {"name": %s, "source": %s, "prepared": %s' "$(quote "$1")" "$(quote "$3")" "$(quote "$4")"
	printf ', "feed_time": "%s"' "$(echo "$files" | newest)"
	[ -z "$download" ] || printf ', "download_time": "%s"' "$download"
	printf ', "files": ['
	local first=1 path time
	while IFS=$'\t' read -r path time; do
		[ "$first" = 1 ] || printf ', '
		first=0
		printf '{"path": %s, "time": "%s"}' "$(quote "$path")" "${time:0:20}"
	done <<<"$files"
	printf ']}'
}

# Which recipe a stamp belongs to: the one whose host build directory it is in.
stages() {
	local installed name recipe prepared first=1
	for installed in staging_dir/hostpkg/stamp/.*_installed staging_dir/host/stamp/.*_installed; do
		[ -f "$installed" ] || continue
		name=${installed##*/.}
		name=${name%_installed}
		for recipe in package/feeds/*/"$name" package/*/"$name"; do
			[ -f "$recipe/Makefile" ] || continue
			recipe=$(cd -P "$recipe" && pwd)
			prepared=$(stamps | grep -F '/.prepared' | grep -iE "/${name}[a-z]?(-[^/]*)?/[^/]*\$" | head -n 1)
			[ -n "$prepared" ] || continue
			[ "$first" = 1 ] || printf ','
			first=0
			stage "$name" "$recipe" "$(basename "$(dirname "$prepared")")" "${prepared##*/}"
			break
		done
	done
}

autorebuild=false
[ "$(setting AUTOREBUILD)" != y ] || autorebuild=true
cat >/opt/xtask/baked.json <<JSON
{
  "schema": 1, "tree": "$tree", "autoremove": $(quote "$(setting AUTOREMOVE)"), "autorebuild": $autorebuild,
  "stages": [$(stages)]
}
JSON
say "$(grep -vc '^#' /opt/xtask/toolchain.sha256 || true) files of the toolchain, $(grep -c '"name"' /opt/xtask/baked.json || true) baked stages"
