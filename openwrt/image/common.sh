# shellcheck shell=bash
# Sourced by every script of the image's stages.
set -euo pipefail

say() { echo "==> $*"; }

# fail MESSAGE [MEND]
fail() {
	echo "error: $1" >&2
	[ -z "${2-}" ] || echo "mend: $2" >&2
	exit 1
}

# A company's certificates: a secret of the build, in no layer.
ca=/run/xtask/ca.pem
if [ -s "$ca" ]; then
	for name in SSL_CERT_FILE CURL_CA_BUNDLE PIP_CERT REQUESTS_CA_BUNDLE GIT_SSL_CAINFO CARGO_HTTP_CAINFO; do
		export "$name=$ca"
	done
fi
