# Builds one package in a container of the SDK image. xtask hands this text to
# the container's bash; it is no part of the image, so that a change of it makes
# no image anew.
#
# Given:
#	XTASK_FEED, XTASK_PACKAGE  the recipe's feed and folder
#	XTASK_RECIPE   the recipe's folder in the source
#	XTASK_PATHS    what the build reads of the source, one a line
#	XTASK_FILE     the package's file name
#	XTASK_SOURCE, XTASK_TARGET_DIR ... what the recipe is given (its own words)
#
# For xtask: lines `xtask: error: ...` and `xtask: mend: ...` are its message;
# /artifacts gets the log, the stamps before and after, and the package.
set -uo pipefail
umask 022
export LC_ALL=C

tree=/builder
source=/source
artifacts=/artifacts

say() { echo "xtask: $*"; }
fail() {
	say "error: $1"
	[ -z "${2-}" ] || say "mend: $2"
	exit 1
}

# Stamps of the host stages: name and time of each, as the image recorded them.
stamps() {
	{
		find "$tree"/build_dir/host "$tree"/build_dir/hostpkg "$tree"/build_dir/target-*/host \
			-mindepth 2 -maxdepth 2 -type f \
			\( -name '.prepared*' -o -name '.configured*' -o -name '.built*' \) ! -name '*_check*' -printf '%T@ %p\n'
		find "$tree"/staging_dir/host/stamp "$tree"/staging_dir/hostpkg/stamp -type f -name '.*_installed' -printf '%T@ %p\n'
		echo end
	} 2>/dev/null | sort -k 2
}

# What is known of the files on standard input (names with NUL): a hash of what
# each holds, and whether it can be run.
contents() {
	xargs -0 -r sh -c 'sha256sum -z -- "$@" && find "$@" -prune -perm -100 -printf "x  %p\0"' sh | sort -z
}

# The live source, as the container last saw it. A file that holds the same
# keeps its time, any other gets the time of now: cargo, which goes by times,
# then never takes old for new, whatever a checkout, a copy or another
# machine's clock did to them.
take_source() {
	local from=$1 to=$XTASK_SOURCE lists path
	lists=$(mktemp -d)
	mkdir -p "$to"
	cd "$from" || fail "the source is not in the container"
	local paths=()
	while IFS= read -r path; do
		[ -e "$path" ] || [ -L "$path" ] || fail "the source has no $path"
		paths+=("$path")
	done <<<"$XTASK_PATHS"
	# Not git's own files, and no folder that calls itself a cache.
	find "${paths[@]}" \( -name .git -o -type d -exec test -f '{}/CACHEDIR.TAG' \; \) -prune \
		-o -type f -fprint0 "$lists/files" -o -type l -fprint0 "$lists/links" || fail "the source cannot be read"
	sort -zu "$lists/files" "$lists/links" >"$lists/all"
	# What is gone from the source is gone here.
	(cd "$to" && find . -mindepth 1 ! -type d -printf '%P\0') | sort -z | comm -z -13 "$lists/all" - |
		(cd "$to" && xargs -0 -r rm -f)
	sort -zu "$lists/files" | contents >"$lists/from" || fail "the source cannot be read"
	(cd "$to" && find . -mindepth 1 -type f -printf '%P\0' | contents) >"$lists/to"
	{
		comm -z -3 "$lists/from" "$lists/to" | sed -z 's/^\t//; s/^[0-9a-fx]*  //'
		cat "$lists/links"
	} | sort -zu >"$lists/changed"
	while IFS= read -r -d '' path; do
		case $path in */*) mkdir -p "$to/${path%/*}" ;; esac
		rm -rf "${to:?}/$path"
		cp -P "$path" "$to/$path" || fail "$path of the source cannot be copied"
	done <"$lists/changed"
}

place_recipe() {
	local recipe=$XTASK_SOURCE/$XTASK_RECIPE feed=$tree/feeds/$XTASK_FEED
	[ -f "$recipe/Makefile" ] || fail "the source has no $XTASK_RECIPE/Makefile" "cargo xtask recipe"
	# A folder and no link: the package's `Source:` field is its path.
	rm -rf "${feed:?}/$XTASK_PACKAGE"
	mkdir -p "$feed" "$tree/package/feeds/$XTASK_FEED" || fail "the image's user cannot write to $tree"
	cp -R "$recipe" "$feed/$XTASK_PACKAGE"
	ln -sfn "../../../feeds/$XTASK_FEED/$XTASK_PACKAGE" "$tree/package/feeds/$XTASK_FEED/$XTASK_PACKAGE"
}

select_package() {
	local symbol=CONFIG_PACKAGE_$XTASK_PACKAGE
	sed -i "/^$symbol=/d; /^# $symbol is not set\$/d" "$tree/.config"
	echo "$symbol=m" >>"$tree/.config"
	make defconfig || fail "make defconfig fails: see the log"
	grep -q "^$symbol=" "$tree/.config" ||
		fail "OpenWrt does not let the package be selected for this SDK" \
			"a condition in \`depends\` (@…) is not met here, or the recipe's architectures leave this one out"
}

build() {
	[ -f "$tree/rules.mk" ] || fail "the image has no SDK in $tree"
	mkdir -p "$artifacts/packages" || fail "the image's user cannot write to $artifacts"
	stamps >"$artifacts/stamps.before"
	take_source "$source"
	cd "$tree" || exit 1
	[ -f feeds/packages/lang/rust/rust-package.mk ] || fail \
		"the SDK has no feeds/packages/lang/rust/rust-package.mk, which every recipe of a Rust crate includes" \
		"name a packages feed of OpenWrt 23.05 or newer in \`feeds\` of [image] in openwrt/sdk.toml, then: cargo xtask image"
	place_recipe
	select_package
	# make could be told another value by its own variable.
	[ -n "${MAKEFLAGS-}" ] || say "CONFIG_AUTOREMOVE=$(sed -n 's/^CONFIG_AUTOREMOVE=//p' .config | tail -n 1)"
	touch "$artifacts/.begun"
	say "make package/$XTASK_PACKAGE/compile V=s DEBUG=r"
	make "package/$XTASK_PACKAGE/compile" V=s DEBUG=r
	local code=$?
	stamps >"$artifacts/stamps.after"
	[ "$code" = 0 ] || exit "$code"
	local file
	file=$(find bin -type f -name "$XTASK_FILE" -newer "$artifacts/.begun" | head -n 1)
	if [ -z "$file" ]; then
		say "make wrote: $(find bin -type f \( -name '*.ipk' -o -name '*.apk' \) -newer "$artifacts/.begun" \
			\( -path "bin/packages/*/$XTASK_FEED/*" -o -name "$XTASK_PACKAGE*" \) -printf '%f ')"
		exit 99
	fi
	cp "$file" "$artifacts/packages/" || fail "the package cannot be copied"
}

# The pipe's end waits until all of the log is written.
build 2>&1 | tee "$artifacts/build.log"
exit "${PIPESTATUS[0]}"
