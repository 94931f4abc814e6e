# Tells a router of a feed. $1 is opkg or apk, $2 the feed's name, $3 where it
# is, $4 the name of its key, $5 the key's text. What fails is undone.
manager=$1 name=$2 url=$3 id=$4 key=$5
dir=$(mktemp -d /tmp/xtask.XXXXXX) || exit 70
trap 'rm -rf "$dir"' EXIT
trap "" HUP INT TERM PIPE

case $manager in
opkg)
	list=/etc/opkg/customfeeds.conf keys=/etc/opkg/keys/$id
	line="src/gz $name $url"
	fetched=/var/opkg-lists/$name
	;;
apk)
	list=/etc/apk/repositories.d/$name.list keys=/etc/apk/keys/$id
	line=$url/packages.adb
	;;
*) exit 75 ;;
esac
mkdir -p "${list%/*}" "${keys%/*}" || exit 76
for file in "$list" "$keys"; do
	[ ! -e "$file" ] || cp -p "$file" "$dir/${file##*/}" || exit 76
done

# As it was before.
undo() {
	for file in "$list" "$keys"; do
		rm -f "$file"
		[ ! -e "$dir/${file##*/}" ] || cp -p "$dir/${file##*/}" "$file"
	done
	[ -z "$fetched" ] || rm -f "$fetched" "$fetched.sig"
}

[ "$manager" = opkg ] && grep -v "^src\(/gz\)\{0,1\} $name " "$list" >"$dir/new" 2>/dev/null
printf '%s\n' "$line" >>"$dir/new"
if ! printf '%s\n' "$key" >"$keys" || ! cat "$dir/new" >"$list"; then
	undo
	exit 76
fi
case $manager in
opkg)
	rm -f "$fetched" "$fetched.sig"
	opkg update >"$dir/said" 2>&1 </dev/null
	# Other feeds may be out of reach: this one counts.
	[ -s "$fetched" ]
	;;
apk)
	apk --repositories-file "$list" update >"$dir/said" 2>&1 </dev/null &&
		! grep -q -e '^ERROR' -e '^WARNING' "$dir/said"
	;;
esac
code=$?
cat "$dir/said"
[ "$code" -eq 0 ] || undo
echo "xtask.code=$code"
