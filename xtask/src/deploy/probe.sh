# What there is to know of a router before anything is copied to it. Changes
# nothing. $1 is the package's name. Prints `xtask.KEY=VALUE` lines.
package=$1

say() {
	printf 'xtask.%s=%s\n' "$1" "$2"
}

# A value of /etc/openwrt_release, which is not run.
release() {
	sed -n "s/^$1=//p" /etc/openwrt_release 2>/dev/null | head -n 1 | tr -d "'\""
}

# Free kilobytes where the first of these folders is that exists.
free() {
	for folder; do
		if [ -d "$folder" ]; then
			df -kP "$folder" 2>/dev/null | awk 'NR == 2 { print $4 }'
			return
		fi
	done
}

say id "$(release DISTRIB_ID)"
say release "$(release DISTRIB_RELEASE)"
say arch "$(release DISTRIB_ARCH)"
say board "$(release DISTRIB_TARGET)"
say model "$(head -n 1 /tmp/sysinfo/model 2>/dev/null)"
say uid "$(id -u)"
say flash "$(free /overlay /)"
say memory "$(free /tmp)"
if command -v apk >/dev/null 2>&1; then
	say manager apk
	say archs "$({ apk --print-arch; cat /etc/apk/arch; } </dev/null 2>/dev/null | tr '\n' ' ')"
	say installed "$(apk list --installed --manifest "$package" </dev/null 2>/dev/null |
		sed -n "s/^$package //p")"
elif command -v opkg >/dev/null 2>&1; then
	say manager opkg
	say archs "$(opkg print-architecture </dev/null 2>/dev/null |
		awk '$1 == "arch" { printf "%s ", $2 }')"
	say installed "$(opkg list-installed "$package" </dev/null 2>/dev/null |
		sed -n "s/^$package - //p")"
fi
say end 1
