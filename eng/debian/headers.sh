#!/bin/bash
# Puts the headers of DPDK into a tree of tree.sh, without what their package depends on: headers of everything.
# usage: headers.sh ROOT        Takes root.
set -euo pipefail
root=$1
[[ -f $root/headers-1 ]] && exit 0
chroot "$root" sh -euc '
  mkdir -p /tmp/headers
  cd /tmp/headers
  apt-get download -qq libdpdk-dev 2>/dev/null
  dpkg-deb --extract libdpdk-dev_*.deb .
  cp -r usr/include/. /usr/include
  cd /
  rm -r /tmp/headers'
touch "$root/headers-1"
