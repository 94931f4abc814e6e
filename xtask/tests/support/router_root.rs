//! A router of the tests' own, for the scripts of the package.

use std::os::unix::fs::MetadataExt;

use super::far_root::FarRoot;
use super::support;

/// A double of logger, which busybox would take for its own if it were a program.
pub const LOGGER: &str =
    "logger() { if [ $# -gt 4 ]; then echo \"$4 $5\"; else sed \"s/^/$4 /\"; fi >>/log; }";

/// Sources the init script as rc.common does, and runs an action of it.
const RC_COMMON: &str = r#"# a double of rc.common, procd.sh and functions.sh
config_load() {
	sections=
	local word rest at=0
	while read -r word rest; do
		case $word in
		config)
			eval "set -- $rest"
			at=$((at + 1))
			section=${2:-cfg$at}
			sections="$sections $section"
			eval "type_$section=$1 options_$section="
			;;
		option | list)
			eval "set -- $rest"
			eval "old=\$value_${section}_$1; case \$options_$section in *\" $1 \"*) ;; *) old= ;; esac"
			eval "options_$section=\"\$options_$section $1 \" value_${section}_$1=\"\${old:+\$old }$2\""
			;;
		esac
	done <"/etc/config/$1"
}
config_get() {
	local found
	eval "case \$options_$2 in *\" $3 \"*) found=\$value_${2}_$3 ;; *) found= ;; esac"
	eval "$1=\${found:-\$4}"
}
config_get_bool() {
	config_get "$@"
	eval "case \$$1 in 1 | on | true | yes | enabled) $1=1 ;; 0 | off | false | no | disabled) $1=0 ;; *) $1=\$4 ;; esac"
}
config_foreach() {
	local each
	for each in $sections; do
		eval "[ \$type_$each = $2 ]" && $1 "$each"
	done
}
for name in procd_open_instance procd_close_instance procd_set_param procd_append_param procd_add_jail \
	procd_add_jail_mount procd_add_jail_mount_rw procd_add_reload_trigger procd_add_raw_trigger \
	json_add_array json_close_array json_add_object json_close_object json_add_string procd_set_config_changed; do
	eval "$name() { echo \"$name \$*\"; }"
done
start() {
	start_service && service_triggers && service_data && service_started
}
stop() {
	stop_service
	echo 'procd: killed'
	service_stopped
}
ubus() { [ "$1 $2 $3" != 'call service get_data' ] || cat /data 2>/dev/null; }
action=$1
. /etc/init.d/tollgate-wrt
"$action"
"#;

const DAEMON: &str = r#"#!/bin/sh
# a double of the daemon's command line: its gate is its own for one more question
echo "$*" >>/asked
case $* in
prepare) echo "made the router's key" ;;
'gate remove')
	[ ! -e /runs ] || { rm /runs; echo 'tollgate-wrt: cannot remove the gate: another daemon works it' >&2; exit 1; }
	echo 'the gate is gone: everybody has access'
	;;
esac
"#;

const UCI: &str = r#"#!/bin/sh
# a double of uci: settings are the lines of a file
[ "$1" != -q ] || shift
case $1 in
get) grep -F "$2=" /uci | sed "s/^[^=]*='\(.*\)'$/\1/" ;;
show) grep "^$2\." /uci ;;
delete) sed -i "/^$2=/d" /uci ;;
add_list) echo "${2%%=*}='${2#*=}'" >>/uci ;;
commit) echo "$2" >>/committed ;;
esac
"#;

pub const CONFIG: &str = "config tollgate 'main'\n\toption enabled '1'\n\tlist interface 'br-lan'\n\toption gate 'nftables'\n";
const NETWORK: &str = "config interface 'lan'\n\toption device 'br-lan'\nconfig interface 'guest'\n\toption device 'br-guest'\n";
pub const FIREWALL: &str = "config defaults\n\toption input 'REJECT'\nconfig zone\n\toption name 'lan'\n\tlist network 'lan'\n\toption input 'ACCEPT'\n\
    config zone\n\toption name 'visitors'\n\tlist network 'dmz'\n\tlist network 'guest'\n";

pub fn script(name: &str) -> String {
    let path = support::root().join("openwrt/tollgate-wrt/files");
    std::fs::read_to_string(path.join(name)).unwrap()
}

/// A router that can lock the daemon up.
pub fn router() -> FarRoot {
    let root = FarRoot::new();
    root.write("rc", &format!("{LOGGER}\n{RC_COMMON}"), 0o644);
    root.write(
        "etc/init.d/tollgate-wrt",
        &script("tollgate-wrt.init"),
        0o755,
    );
    let capabilities = script("tollgate-wrt.capabilities.json");
    root.write("etc/capabilities/tollgate-wrt.json", &capabilities, 0o644);
    root.write("etc/config/tollgate", CONFIG, 0o644);
    root.write("etc/config/network", NETWORK, 0o644);
    root.write("etc/config/firewall", FIREWALL, 0o644);
    root.write("etc/tollgate/config.json", "{}", 0o600);
    root.write(
        "etc/passwd",
        "root:x:0:0:::\ntollgate:x:32768:32768:::\n",
        0o644,
    );
    root.write("etc/group", "root:x:0:\ntollgate:x:32768:\n", 0o644);
    root.write("sbin/ujail", "# a double: it has to be there\n", 0o755);
    root.write("usr/bin/tollgate-wrt", DAEMON, 0o755);
    root.write("usr/bin/uci", UCI, 0o755);
    root.write(
        "usr/lib/tollgate-wrt/dhcp",
        "#!/bin/sh\n# a double\necho \"$1\" >>/dhcp\n",
        0o755,
    );
    root
}

/// What the script has told procd, and its exit code.
pub fn run(root: &FarRoot, action: &str) -> (i32, String) {
    let output = root.run(&["/bin/sh", "-c", "set -- \"$0\"; . /rc", action]);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(errors, "", "{action}");
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stdout).unwrap(),
    )
}

pub fn owner(root: &FarRoot, file: &str) -> u32 {
    std::fs::symlink_metadata(root.path(file)).unwrap().uid()
}
