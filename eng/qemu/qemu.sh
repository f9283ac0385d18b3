#!/bin/bash
# Runs the QEMU of a folder that chroot.sh made, without chroot: with that folder's own loader, libraries and firmware.
# usage: qemu.sh FOLDER ARGUMENT...        environment: QEMU_SERIES=10 for trixie's QEMU 10
set -euo pipefail
root=$1/root
shift
own=$root${QEMU_SERIES:+/qemu-$QEMU_SERIES} libraries=$root/usr/lib/x86_64-linux-gnu
export QEMU_MODULE_DIR=$own/usr/lib/x86_64-linux-gnu/qemu
exec "$root/lib64/ld-linux-x86-64.so.2" --library-path "$libraries" \
  --argv0 qemu-system-x86_64 "$own/usr/bin/qemu-system-x86_64" \
  -L "$root/usr/share/seabios" -L "$root/usr/share/qemu" "$@"
