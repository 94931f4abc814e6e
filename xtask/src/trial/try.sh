# A package's whole life in an OpenWrt userland: installed, started, asked,
# stopped, removed. $1 is the package manager, $2 the file, $3 the package's
# name, $4 the service's name or nothing, $5 the URL to ask or nothing.
# Prints `xtask.KEY=VALUE` lines; what programs say stands between `>` lines.
manager=$1 file=$2 package=$3 service=$4 url=$5
dir=/tmp/xtask-try

say() {
	printf 'xtask.%s=%s\n' "$1" "$2"
}

# Runs the words after $1; what they print gets the name $1.
step() {
	name=$1
	shift
	"$@" </dev/null >"$dir/said" 2>&1
	code=$?
	sed "s/^/xtask.$name=/" "$dir/said"
	say "$name-code" "$code"
	return "$code"
}

# Everything but the running system and the package manager's own notes; more
# of find's words may follow.
entries() {
	find / \( -path /proc -o -path /sys -o -path /dev -o -path /tmp -o -path /var \
		-o -path /usr/lib/opkg -o -path /lib/apk/db -o -path /lib/apk/exec \
		-o -path /etc/apk/world \) -prune -o "$@" -print 2>/dev/null | sort
}

# What procd would start: the init script's own words, with procd's functions
# replaced by ones that print them.
service_command() (
	[ -r /lib/functions.sh ] && . /lib/functions.sh
	# shellcheck disable=SC2317 # the init script calls them
	{
		command -v config_load >/dev/null || config_load() { :; }
		command -v config_get_bool >/dev/null || config_get_bool() { eval "$1=\${4:-0}"; }
		command -v config_get >/dev/null || config_get() { eval "$1=\${4:-}"; }
		procd_open_instance() { :; }
		procd_close_instance() { :; }
		procd_set_param() {
			[ "$1" = command ] || return 0
			shift
			for word; do
				printf '%s\n' "$word"
			done
		}
	}
	. "/etc/init.d/$service" >/dev/null 2>&1
	start_service 2>/dev/null
)

# The answer of $url in the file `answer`: by wget, else by nc.
fetch() {
	wget -q -T 5 -O "$dir/answer" "$url" >/dev/null 2>&1 </dev/null && return
	address=${url#http://}
	path=/${address#*/}
	address=${address%%/*}
	printf 'GET %s HTTP/1.0\r\nHost: %s\r\n\r\n' "$path" "$address" |
		nc "${address%:*}" "${address##*:}" 2>/dev/null | tr -d '\r' >"$dir/raw"
	head -n 1 "$dir/raw" | grep -q '^HTTP/1\.[01] 200' || return 1
	sed '1,/^$/d' "$dir/raw" >"$dir/answer"
}

ask() {
	if [ -z "$url" ]; then
		# Time to begin, before it is told to stop.
		sleep 3
		return
	fi
	tries=0
	while [ "$tries" -lt 20 ]; do
		# Its shell tells of a wget that crashes.
		if fetch 2>/dev/null; then
			sed 's/^/xtask.answer=/' "$dir/answer"
			# The last line may have no end.
			echo
			say answered 1
			return
		fi
		tries=$((tries + 1))
		sleep 1
	done
	say answered 0
}

mkdir -p /var/lock /var/run
entries >"$dir/before"
entries ! -type d >"$dir/files"
case $manager in
opkg) step install opkg install "$file" ;;
apk) step install apk add --allow-untrusted "$file" ;;
esac || exit 0

if [ -n "$service" ]; then
	if ubus list service >/dev/null 2>&1; then
		say how procd
		step status "/etc/init.d/$service" status
		ask
		/sbin/logread -e "$package" 2>/dev/null </dev/null | tail -n 40 | sed 's/^/xtask.log=/'
	else
		service_command >"$dir/words"
		set --
		while IFS= read -r word; do
			set -- "$@" "$word"
		done <"$dir/words"
		say how "$*"
		if [ $# -gt 0 ]; then
			"$@" </dev/null >"$dir/log" 2>&1 &
			pid=$!
			ask
			kill -TERM "$pid" 2>/dev/null
			tries=0
			while kill -0 "$pid" 2>/dev/null && [ "$tries" -lt 10 ]; do
				tries=$((tries + 1))
				sleep 1
			done
			kill -KILL "$pid" 2>/dev/null && say killed 1
			wait "$pid" 2>/dev/null
			say ended $?
			tail -n 40 "$dir/log" | sed 's/^/xtask.log=/'
		fi
	fi
fi

case $manager in
opkg) step remove opkg remove "$package" ;;
apk) step remove apk del "$package" ;;
esac
entries >"$dir/after"
grep -Fxv -f "$dir/before" "$dir/after" | sed 's/^/xtask.left=/'
# Folders that nobody uses any more may go.
grep -Fxv -f "$dir/after" "$dir/files" | sed 's/^/xtask.gone=/'
say end 1
