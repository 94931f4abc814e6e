# What make would do for a package, up to the package itself: its recipe is put
# where a build puts it, and make is run with a source that is not there. All
# that the package needs comes before it; then the package fails, and that is
# the end.
#
# Given: what sdk_run/build.sh is given.
set -uo pipefail
umask 022
export LC_ALL=C

cd /builder || exit
feed=feeds/$XTASK_FEED
rm -rf "${feed:?}/$XTASK_PACKAGE"
mkdir -p "$feed" "package/$feed"
cp -R "/source/$XTASK_RECIPE" "$feed/$XTASK_PACKAGE"
ln -sfn "../../../$feed/$XTASK_PACKAGE" "package/$feed/$XTASK_PACKAGE"
symbol=CONFIG_PACKAGE_$XTASK_PACKAGE
sed -i "/^$symbol=/d; /^# $symbol is not set\$/d" .config
echo "$symbol=m" >>.config
make defconfig
# make could be told another value by its own variable.
[ -n "${MAKEFLAGS-}" ] || echo "xtask: CONFIG_AUTOREMOVE=$(sed -n 's/^CONFIG_AUTOREMOVE=//p' .config | tail -n 1)"
make "package/$XTASK_PACKAGE/compile" V=s DEBUG=r
