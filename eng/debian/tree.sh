#!/bin/bash
# Makes a folder with the smallest tree of a Debian that apt works in. Nothing outside of the folder is changed.
# usage: tree.sh SUITE FOLDER      Takes root, as debootstrap does.
# The mirror is the machine's own (whatever its apt is configured for), or IOASIS_DEBIAN_MIRROR. Where the folder
# clean-SUITE beside FOLDER is such a tree already, FOLDER becomes a copy.
set -euo pipefail
(($# == 2)) || { sed -n '2,5s/^# //p' "$0" >&2; exit 2; }
suite=$1 root=$2
[[ -f $root/etc/apt/complete ]] && exit 0
clean=$(dirname "$root")/clean-$suite
if [[ $root != "$clean" && -f $clean/etc/apt/complete ]]; then
  rm -rf "$root"
  cp -a "$clean" "$root"
  exit 0
fi

mirror=${IOASIS_DEBIAN_MIRROR:-}
if [[ -z $mirror ]]; then
  # the first repository that is Debian's main archive: its address ends in "debian", unlike debian-security's
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | sed -n '\,/debian/*$,{p;q}')
fi
[[ -n $mirror ]] || { echo "tree.sh: apt knows no Debian mirror: set IOASIS_DEBIAN_MIRROR to one" >&2; exit 1; }
rm -rf "$root"
mkdir -p "$root"
debootstrap --variant=minbase --include=ca-certificates --keyring=/usr/share/keyrings/debian-archive-keyring.gpg \
  "$suite" "$root" "$mirror"
for each in /etc/apt/apt.conf.d/*; do # how the machine reaches its mirror: proxies, certificates
  grep -qs -i -E 'proxy|verify|cainfo' "$each" && cp "$each" "$root/etc/apt/apt.conf.d/"
done
cp -L /etc/resolv.conf /etc/hosts "$root/etc/" 2>/dev/null || true
cat /etc/ssl/certs/ca-certificates.crt >"$root/etc/ssl/certs/ca-certificates.crt" 2>/dev/null || true
DEBIAN_FRONTEND=noninteractive chroot "$root" apt-get update -qq
touch "$root/etc/apt/complete"
