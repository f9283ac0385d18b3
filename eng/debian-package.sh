#!/bin/bash
# Downloads one package of Debian's trixie-backports and unpacks it, without touching the machine's own apt state.
# usage: debian-package.sh PACKAGE[=VERSION] DEST       VERSION may end in *: the newest that matches
# The mirror is the machine's own (whatever its apt is configured for), or IOASIS_DEBIAN_MIRROR. Needs no root.
set -euo pipefail
(($# == 2)) || { sed -n '2,4s/^# //p' "$0" >&2; exit 2; }
package=$1
dest=$(mkdir -p "$2" && cd "$2" && pwd)

mirror=${IOASIS_DEBIAN_MIRROR:-}
if [[ -z $mirror ]]; then
  # the first repository that is Debian's main archive: its address ends in "debian", unlike debian-security's
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | sed -n '\,/debian/*$,{p;q}')
fi
[[ -n $mirror ]] || {
  echo "debian-package.sh: apt knows no Debian mirror: set IOASIS_DEBIAN_MIRROR to one" >&2
  exit 1
}
keys=/usr/share/keyrings/debian-archive-keyring.gpg
[[ -f $keys ]] || { echo "debian-package.sh: $keys is missing: install debian-archive-keyring" >&2; exit 1; }

state=$(mktemp -d)
trap 'rm -rf "$state"' EXIT
mkdir -p "$state/lists/partial" "$state/cache/archives/partial" "$state/parts"
echo "deb [signed-by=$keys] $mirror trixie-backports main" >"$state/sources"
cat >"$state/conf" <<EOF
Dir::Etc::SourceList "$state/sources";
Dir::Etc::SourceParts "$state/parts";
Dir::State::Lists "$state/lists";
Dir::Cache "$state/cache";
APT::Sandbox::User "$(id -un)";
Acquire::Languages "none";
Acquire::Retries "3";
EOF
export APT_CONFIG=$state/conf
apt-get update -qq
(cd "$state" && apt-get download -qq "$package") || {
  echo "debian-package.sh: $mirror trixie-backports offers no $package" >&2
  exit 1
}
dpkg-deb --extract "$state/${package%%=*}"_*.deb "$dest"
