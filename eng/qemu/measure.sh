#!/bin/bash
# What ioasis run costs QEMU where we are not concerned: disk, network, console and boot, with and without it in turns.
# And our NVMe beside QEMU's own, and our I/OAT.
# usage: measure.sh FOLDER ROUNDS        FOLDER as of chroot.sh and initramfs.sh; every figure, and the median of each
set -euo pipefail
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
folder=$1 rounds=$2
ioasis=$here/../../ioasis
work=$(mktemp -d)
trap 'kill "$server" 2>/dev/null; rm -rf "$work"' EXIT
mkdir "$work/served" "$work/guest"
head -c 64M /dev/urandom >"$work/served/large"
truncate -s 64M "$work/disk" "$work/nvme"
python3 -u -m http.server --bind 127.0.0.1 --directory "$work/served" 0 >"$work/server" 2>/dev/null &
server=$!
until grep -q port "$work/server"; do read -r -t 0.1 <>/dev/zero || true; done
port=$(sed -n 's/.* port \([0-9]*\).*/\1/p' "$work/server")
cp "$here/measure-guest.sh" "$work/guest/"
echo "bash ./measure-guest.sh $port" >"$work/guest/command"

boot() { # NAME PREFIX... : OPTION...
  local name=$1 prefix=() begin=$EPOCHREALTIME
  shift
  while [[ $1 != : ]]; do prefix+=("$1"); shift; done
  shift
  { time "${prefix[@]}" "$here/guest.sh" "$folder" "$work/guest" "$@" 2>/dev/null; } 2>"$work/time" |
    while read -r line; do
    if [[ $line == *GUEST-BEGINS* ]]; then echo "$name begins $(awk "BEGIN { print $EPOCHREALTIME - $begin }") s"; fi
    if [[ $line =~ ^(boot|disk-|console\ |network|nvme-|ioat-) ]]; then echo "$name $line"; fi
  done
  awk -v name="$name" '{ print name, "processor-time", $1 + $2, "s" }' "$work/time"
}

# the work is the same each time; on a busy machine what it took of the processors says more than rates do
TIMEFORMAT='%U %S'
plain=(-drive "file=$work/disk,format=raw,if=none,id=disk,cache=none,aio=threads" -device virtio-blk-pci,drive=disk
  -netdev user,id=net -device virtio-net-pci,netdev=net)
for ((round = 0; round < rounds; round++)); do
  boot plain : "${plain[@]}"
  boot run "$ioasis" run -- : "${plain[@]}"
done | tee "$work/figures"
for ((round = 0; round < rounds; round++)); do
  boot ours "$ioasis" run --account "$work/account" --device nvme@0000:0a:00.0 --device ioat@0000:0b:00.0 -- : \
    -object iommufd,id=iommufd0 \
    -device vfio-pci,host=0000:0a:00.0,iommufd=iommufd0 -device vfio-pci,host=0000:0b:00.0,iommufd=iommufd0 \
    -drive "file=$work/nvme,format=raw,if=none,id=nvme" -device nvme,drive=nvme,serial=qemu
done | tee -a "$work/figures"
echo "-- medians"
sort -k 1,2 -k 3g "$work/figures" |
  awk '{
    key = $1 " " $2
    if (key != last && last != "") print last, value[int((n + 1) / 2)], unit
    if (key != last) n = 0
    value[++n] = $3; unit = $4; last = key
  } END { print last, value[int((n + 1) / 2)], unit }'
grep /dev/vfio/ "$work/account"
cat "$work/account" | tail -n 1
