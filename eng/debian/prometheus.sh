#!/bin/bash
# Puts Debian's Prometheus into a tree of tree.sh. Only the program is taken: the rest starts it at boot.
# usage: prometheus.sh ROOT        Takes root.
set -euo pipefail
root=$1
[[ -f $root/prometheus-1 ]] && exit 0
chroot "$root" sh -euc '
  cd /tmp
  apt-get download -qq prometheus
  dpkg-deb --extract prometheus_*.deb prometheus
  cp prometheus/usr/bin/prometheus /usr/bin
  rm -r prometheus prometheus_*.deb'
touch "$root/prometheus-1"
