#!/bin/bash
# Makes a folder with what the QEMU tests need and this machine must not get: QEMU 11.1, Linux 7.2 with its modules and headers, fio and file
# system tools, from Debian's trixie and trixie-backports. Nothing outside of the folder is changed. usage: chroot.sh FOLDER
# The mirror is the machine's own (whatever its apt is configured for), or IOASIS_DEBIAN_MIRROR. Takes root, as debootstrap does.
set -euo pipefail
(($# == 1)) || { sed -n '2,4s/^# //p' "$0" >&2; exit 2; }
folder=$(mkdir -p "$1" && cd "$1" && pwd)
[[ -f $folder/complete-2 ]] && exit 0

mirror=${IOASIS_DEBIAN_MIRROR:-}
if [[ -z $mirror ]]; then
  # the first repository that is Debian's main archive: its address ends in "debian", unlike debian-security's
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | sed -n '\,/debian/*$,{p;q}')
fi
[[ -n $mirror ]] || { echo "chroot.sh: apt knows no Debian mirror: set IOASIS_DEBIAN_MIRROR to one" >&2; exit 1; }
keys=/usr/share/keyrings/debian-archive-keyring.gpg
root=$folder/root
if [[ ! -x $root/usr/bin/apt-get ]]; then
  rm -rf "$root"
  debootstrap --variant=minbase --include=ca-certificates --keyring="$keys" trixie "$root" "$mirror"
fi

echo "deb $mirror trixie-backports main" >"$root/etc/apt/sources.list.d/backports.list"
for each in /etc/apt/apt.conf.d/*; do # how the machine reaches its mirror: proxies, certificates
  grep -qs -i -E 'proxy|verify|cainfo' "$each" && cp "$each" "$root/etc/apt/apt.conf.d/"
done
cp -L /etc/resolv.conf /etc/hosts "$root/etc/" 2>/dev/null || true
cat /etc/ssl/certs/ca-certificates.crt >"$root/etc/ssl/certs/ca-certificates.crt" 2>/dev/null || true
inside() { DEBIAN_FRONTEND=noninteractive chroot "$root" "$@"; }
inside apt-get update -qq
inside apt-get install -y -qq --no-install-recommends fio e2fsprogs xfsprogs fdisk util-linux pciutils busybox-static kmod make binutils initramfs-tools-core- >/dev/null
inside apt-get install -y -qq --no-install-recommends -t trixie-backports qemu-system-x86 >/dev/null
# the kernel is unpacked, not installed: nothing is to be booted or configured here
release=$(inside apt-cache pkgnames linux-binary-7.2 | sed -n 's/^linux-binary-\(7\.2\.[^-]*-amd64\)$/\1/p' | sort -V | tail -n 1)
[[ -n $release ]] || { echo "chroot.sh: trixie-backports has no Linux 7.2" >&2; exit 1; }
inside sh -c "cd /tmp && apt-get download -qq linux-binary-$release linux-modules-$release && for each in *.deb; do dpkg-deb --extract \$each /kernel; done && rm -f *.deb"
headers=linux-headers-$release
inside apt-get install -y -qq --no-install-recommends -t trixie-backports "$headers" >/dev/null
inside sh -c 'depmod -b /kernel/usr "$(ls /kernel/usr/lib/modules)"' 2>/dev/null
inside apt-get clean
touch "$folder/complete-2"
