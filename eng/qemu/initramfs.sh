#!/bin/bash
# Makes FOLDER/initramfs for the guests of a folder that chroot.sh made: busybox, the modules that reach the host's
# files, and init. usage: initramfs.sh FOLDER
set -euo pipefail
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
folder=$1 root=$1/root
[[ $folder/initramfs -nt $here/init && $folder/initramfs -nt ${BASH_SOURCE[0]} ]] && exit 0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{bin,proc,sys,dev,debian,modules}
cp "$root/usr/bin/busybox" "$work/bin/"
cp "$here/init" "$work/init"
chmod +x "$work/init"
for name in $("$work/bin/busybox" --list); do [[ $name == busybox ]] || ln -s busybox "$work/bin/$name"; done
modules=$(ls -d "$root"/kernel/usr/lib/modules/*)
for name in fs/netfs/netfs net/9p/9pnet net/9p/9pnet_virtio fs/9p/9p; do # in the order in which they need one another
  xz -dc "$modules/kernel/$name.ko.xz" >"$work/modules/${name##*/}.ko"
  echo "${name##*/}.ko" >>"$work/modules/order"
done
(cd "$work" && find . | "$work/bin/busybox" cpio -o -H newc 2>/dev/null) >"$folder/initramfs.new"
mv "$folder/initramfs.new" "$folder/initramfs"
