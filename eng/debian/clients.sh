#!/bin/bash
# Puts programs that know VFIO, vhost-vdpa and sysfs into a tree of tree.sh, as that Debian has them: DPDK's tests with
# its drivers of I/OAT, virtio and vhost; udevadm, pyudev, mdevctl; QEMU's and nbdkit's programs for disks, which reach
# vhost-vdpa through libblkio (Debian 13).
# usage: clients.sh ROOT        Takes root.
set -euo pipefail
root=$1
[[ -f $root/clients-3 ]] && exit 0
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
[[ -f $root/clients-2 ]] || chroot "$root" sh -euc '
  cd /tmp
  apt-get download -qq mdevctl
  dpkg-deb --extract mdevctl_*.deb mdevctl
  cp mdevctl/usr/*bin/mdevctl /usr/bin
  rm -r mdevctl mdevctl_*.deb'
touch "$root/clients-2"
# Of qemu-block-extra and nbdkit only what is needed of libblkio is taken: the rest brings Ceph, curl and the like.
# Debian 12 has no libblkio.
chroot "$root" apt-cache show libblkio1 >/dev/null 2>&1 && DEBIAN_FRONTEND=noninteractive chroot "$root" sh -euc '
  cd /tmp
  version=$(echo /usr/lib/x86_64-linux-gnu/librte_eal.so.*.* | sed "s/.*so\.\([0-9]*\).*/\1/")
  apt-get install -y -qq --no-install-recommends "librte-net-virtio$version" "librte-net-vhost$version" libblkio1 \
    libnbd-bin >/dev/null
  apt-get install -y -qq --no-install-recommends -t "$(. /etc/os-release; echo "$VERSION_CODENAME-backports")" \
    qemu-utils >/dev/null
  apt-get download -qq nbdkit "qemu-block-extra=$(dpkg-query -W -f "\${Version}" qemu-utils)"
  mkdir blkio
  for each in nbdkit_*.deb qemu-block-extra_*.deb; do dpkg-deb --extract "$each" blkio; done
  cp blkio/usr/*bin/nbdkit /usr/bin/
  for each in nbdkit/plugins/nbdkit-blkio-plugin.so qemu/block-blkio.so; do
    mkdir -p "/usr/lib/x86_64-linux-gnu/${each%/*}"
    cp "blkio/usr/lib/x86_64-linux-gnu/$each" "/usr/lib/x86_64-linux-gnu/$each"
  done
  rm -r blkio nbdkit_*.deb qemu-block-extra_*.deb
  apt-get clean'
touch "$root/clients-3"
