#!/bin/bash
# Puts programs that know VFIO and sysfs into a tree of tree.sh, as that Debian has them: DPDK's tests with its drivers
# of I/OAT, udevadm, pyudev, mdevctl.
# usage: clients.sh ROOT        Takes root.
set -euo pipefail
root=$1
[[ -f $root/clients-2 ]] && exit 0
# dpdk-dev is unpacked without libdpdk-dev, which it depends on: that brings the headers of everything.
[[ -f $root/clients-1 ]] || DEBIAN_FRONTEND=noninteractive chroot "$root" sh -euc '
  cd /tmp
  apt-get download -qq dpdk-dev
  needed=$(dpkg-deb -f dpdk-dev_*.deb Depends | tr , "\n" | sed "s/^ *//; s/ .*//" |
    grep -v -x -e libdpdk-dev -e sse4.2-support -e python3)
  version=$(echo "$needed" | sed -n "s/^librte-eal//p")
  apt-get install -y -qq --no-install-recommends $needed "librte-dma-ioat$version" "librte-mempool-ring$version" udev \
    python3-pyudev >/dev/null
  dpkg-deb --extract dpdk-dev_*.deb /
  rm dpdk-dev_*.deb
  apt-get clean'
touch "$root/clients-1"
# Of mdevctl's package only the program is taken: the rest starts it at boot.
chroot "$root" sh -euc '
  cd /tmp
  apt-get download -qq mdevctl
  dpkg-deb --extract mdevctl_*.deb mdevctl
  cp mdevctl/usr/*bin/mdevctl /usr/bin
  rm -r mdevctl mdevctl_*.deb'
touch "$root/clients-2"
