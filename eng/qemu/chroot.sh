#!/bin/bash
# Makes a folder with what the QEMU tests need and this machine must not get: QEMU 11.1 and 10, Linux 7.2 with its
# modules and headers, fio and file system tools, from Debian's trixie and trixie-backports. Nothing outside of the
# folder is changed. usage: chroot.sh FOLDER The mirror is the machine's own (whatever its apt is configured for), or
# IOASIS_DEBIAN_MIRROR. Takes root, as debootstrap does.
set -euo pipefail
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
(($# == 1)) || { sed -n '2,4s/^# //p' "$0" >&2; exit 2; }
folder=$(mkdir -p "$1" && cd "$1" && pwd)
[[ -f $folder/complete-3 ]] && exit 0

root=$folder/root
"$here/../debian/tree.sh" trixie "$root"
mirror=$(sed -n 's/^deb \([^ ]*\) trixie main.*/\1/p' "$root/etc/apt/sources.list")
echo "deb $mirror trixie-backports main" >"$root/etc/apt/sources.list.d/backports.list"
inside() { DEBIAN_FRONTEND=noninteractive chroot "$root" "$@"; }
inside apt-get update -qq
inside apt-get install -y -qq --no-install-recommends fio e2fsprogs xfsprogs fdisk util-linux pciutils busybox-static \
  kmod make binutils initramfs-tools-core- >/dev/null
inside apt-get install -y -qq --no-install-recommends -t trixie-backports qemu-system-x86 >/dev/null
# QEMU 10, trixie's own, is unpacked beside it; the libraries do for both
inside sh -c 'cd /tmp && apt-get download -qq qemu-system-x86/trixie qemu-system-common/trixie &&
  for each in qemu-*.deb; do dpkg-deb --extract $each /qemu-10; done && rm -f qemu-*.deb'
# the kernel is unpacked, not installed: nothing is to be booted or configured here
release=$(inside apt-cache pkgnames linux-binary-7.2 | sed -n 's/^linux-binary-\(7\.2\.[^-]*-amd64\)$/\1/p' |
  sort -V | tail -n 1)
[[ -n $release ]] || { echo "chroot.sh: trixie-backports has no Linux 7.2" >&2; exit 1; }
inside sh -c "cd /tmp && apt-get download -qq linux-binary-$release linux-modules-$release &&
  for each in *.deb; do dpkg-deb --extract \$each /kernel; done && rm -f *.deb"
headers=linux-headers-$release
inside apt-get install -y -qq --no-install-recommends -t trixie-backports "$headers" >/dev/null
inside sh -c 'depmod -b /kernel/usr "$(ls /kernel/usr/lib/modules)"' 2>/dev/null
inside apt-get clean
touch "$folder/complete-3"
