# Part of sysupgrade, which reads this in. What is bought after the archive with
# the wallet was made would be gone with the new system: the daemon ends before.

# shellcheck disable=SC2317 # sysupgrade calls it
tollgate_before_archive() {
	local seconds=10
	# Without an image (-b, -l) the archive is one moment of a router that goes on.
	[ -n "$IMAGE" ] || return 0
	echo "tollgate-wrt is stopped before its wallet is saved; should the upgrade fail: /etc/init.d/tollgate-wrt start" >&2
	/etc/init.d/tollgate-wrt stop
	while [ -S /var/run/tollgate/tollgate.sock ] && [ "$seconds" -gt 0 ]; do
		seconds=$((seconds - 1))
		sleep 1
	done
}

# shellcheck disable=SC2034 # of sysupgrade
sysupgrade_init_conffiles="tollgate_before_archive $sysupgrade_init_conffiles"
