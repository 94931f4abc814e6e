# Lists the toolchain's files and stamps in an image, as the image's own list
# (openwrt/image/record.sh) does, beside that list.
#
# Given: XTASK_RUST, `pinned` or `feed`.
set -euo pipefail
export LC_ALL=C

tree=/builder
case $XTASK_RUST in
pinned) parts=(/opt/xtask/bin /opt/xtask/rust /opt/xtask/zig /opt/xtask/std) ;;
feed) parts=("$tree"/staging_dir/target-*/host) ;;
esac

stamps() {
	find "$tree"/build_dir/host "$tree"/build_dir/hostpkg "$tree"/build_dir/target-*/host \
		-mindepth 2 -maxdepth 2 -type f \
		\( -name '.prepared*' -o -name '.configured*' -o -name '.built*' \) ! -name '*_check*' \
		-printf '# stamp %Ts %p\n' 2>/dev/null || true
	find "$tree"/staging_dir/host/stamp "$tree"/staging_dir/hostpkg/stamp -type f -name '.*_installed' \
		-printf '# stamp %Ts %p\n' 2>/dev/null || true
}

# What is gone is told by its absence.
here=()
for part in "${parts[@]}"; do
	[ ! -e "$part" ] || here+=("$part")
done

cat /opt/xtask/toolchain.sha256
echo '== now'
if [ ${#here[@]} -gt 0 ]; then
	find "${here[@]}" -type f -print0 | sort -z | xargs -0 -r sha256sum
	find "${here[@]}" -type l -printf '# link %p -> %l\n'
fi
stamps
echo '== end'
