#!/bin/bash
# Runs a program of a tree of tree.sh, without chroot: with that tree's own loader and libraries, and QEMU's modules.
# The program's output is written line by line (stdbuf), also into a pipe: what it says appears before it waits.
# usage: run.sh ROOT PROGRAM ARGUMENT...
set -euo pipefail
root=$1 program=$2
shift 2
libraries=$root/usr/lib/x86_64-linux-gnu
export QEMU_MODULE_DIR=$libraries/qemu _STDBUF_O=L
exec "$root/lib64/ld-linux-x86-64.so.2" --library-path "$libraries:$libraries/systemd" \
  --preload "$root/usr/libexec/coreutils/libstdbuf.so" --argv0 "$program" "$root/usr/bin/$program" "$@"
