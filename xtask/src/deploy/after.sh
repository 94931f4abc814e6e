# How things stand after an installation. $1 is the package's name, $2 what the
# package manager calls a configuration file that it did not replace; then the
# services by name, `--`, and configuration files. Changes nothing.
package=$1 new=$2
shift 2

say() {
	printf 'xtask.%s=%s\n' "$1" "$2"
}

if command -v apk >/dev/null 2>&1; then
	say installed "$(apk list --installed --manifest "$package" </dev/null 2>/dev/null |
		sed -n "s/^$package //p")"
else
	say installed "$(opkg list-installed "$package" </dev/null 2>/dev/null |
		sed -n "s/^$package - //p")"
fi
# One that crashes at once is not to be taken for one that runs.
[ "$1" = -- ] || sleep 2
while [ $# -gt 0 ] && [ "$1" != -- ]; do
	enabled=no running=no tries=0
	"/etc/init.d/$1" enabled </dev/null >/dev/null 2>&1 && enabled=yes
	while [ "$tries" -lt 5 ]; do
		"/etc/init.d/$1" running </dev/null >/dev/null 2>&1 && running=yes && break
		tries=$((tries + 1))
		sleep 1
	done
	say service "$enabled $running $1"
	shift
done
shift
for file; do
	[ -e "$file$new" ] && say kept "$file"
done
/sbin/logread -e "$package" </dev/null 2>/dev/null | tail -n 20 | sed 's/^/xtask.log=/'
say end 1
