name=$1 size=$2 sum=$3
shift 3
dir=$(mktemp -d /tmp/xtask.XXXXXX) || exit 70
trap 'rm -rf "$dir"' EXIT
trap 'exit 71' HUP INT TERM
file=$dir/$name
cat >"$file" || exit 72
[ "$(wc -c <"$file")" -eq "$size" ] || exit 73
if command -v sha256sum >/dev/null 2>&1; then
	sha256sum "$file" | grep -q "^$sum " || exit 74
	echo "xtask.copied=sha256"
else
	echo "xtask.copied=size"
fi
trap "" HUP INT TERM PIPE
"$@" "$file" >"$dir/said" 2>&1 </dev/null
code=$?
cat "$dir/said"
echo "xtask.code=$code"
