#!/bin/bash
# What run --check costs: fio on our NVMe in a guest of QEMU, and DPDK's testpmd on our network device, with and without
# it in turns. Prints every figure, then the best of each and how many times more there is without the checks.
# usage: measure-check.sh FOLDER ROUNDS        FOLDER as of chroot.sh and initramfs.sh, with ../debian/clients.sh
set -euo pipefail
(($# == 2)) || { sed -n '4s/^# //p' "$0" >&2; exit 2; }
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
folder=$1 rounds=$2 root=$1/root
ioasis=$here/../../ioasis
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/guest"
cp "$here/measure-guest.sh" "$work/guest/"
echo 'bash ./measure-guest.sh 0' >"$work/guest/command"
version=$(echo "$root"/usr/lib/x86_64-linux-gnu/dpdk/pmds-*)
version=${version##*pmds-} version=${version%.0}
mac=52:54:00:12:34:56

guest() { # NAME OPTION...
  local name=$1
  "$ioasis" run "${@:2}" --device nvme@0000:0a:00.0 -- "$here/guest.sh" "$folder" "$work/guest" \
    -object iommufd,id=iommufd0 -device vfio-pci,host=0000:0a:00.0,iommufd=iommufd0 2>"$work/errors" |
    sed -n "s/^\(nvme-[^ ]*\) \([0-9.]*\).*/$name \1 \2/p" | tr -d '\r'
  ! grep 'ERROR: Ioasis' "$work/errors" >&2
}

testpmd() { # NAME OPTION...
  local name=$1 drivers=()
  for each in bus_pci bus_vdev mempool_ring net_virtio; do drivers+=(-d "librte_$each.so.$version"); done
  { # what is on its way now stays on its way: frames come back, and are sent again
    echo 'start tx_first 4'
    sleep 1
    echo 'show port stats 0'
    sleep 4
    echo 'show port stats 0'
    printf 'stop\nquit\n'
  } | "$ioasis" run "${@:2}" --device "virtio-net@n0,vdpa,va=on,mac=$mac" -- "$here/../debian/run.sh" "$root" \
    dpdk-testpmd -l 0-1 --no-telemetry --no-shconf --file-prefix "m$$" --no-huge -m 256 --no-pci \
    --vdev=net_virtio_user0,path=/dev/vhost-vdpa-0 "${drivers[@]}" -- -i --total-num-mbufs=2048 \
    "--eth-peer=0,$mac" 2>"$work/errors" |
    sed -n 's/.*Rx-pps: *\([0-9]*\).*/\1/p' | tail -n 1 | sed "s/^/$name testpmd-frames /"
  ! grep 'ERROR: Ioasis' "$work/errors" >&2
}

for ((round = 0; round < rounds; round++)); do
  guest run
  guest check --check
  testpmd run
  testpmd check --check
done | tee "$work/figures"
echo '-- the best of each, and run / check'
awk '
  $3 > best[$1, $2] { best[$1, $2] = $3; seen[$2] }
  END { for (what in seen) printf "%s %s %s %.2f\n", what, best["run", what], best["check", what],
          best["run", what] / best["check", what] }' "$work/figures" | sort
