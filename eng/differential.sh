#!/bin/bash
# Plays generated sequences of ioctls on our implementation and on a real Linux kernel in QEMU, and says where the
# answers differ.
# usage: eng/differential.sh BOOT KERNEL [SEED [SEEDS [CALLS]]]     default: seeds 1 to 20 of 20000 calls
#        eng/differential.sh BOOT KERNEL shrink FILE                the shortest sequence that still shows a difference
#        eng/differential.sh BOOT KERNEL vdpa [SEED [SEEDS [CALLS]]] the same for vDPA, with the kernel's simulators
#        eng/differential.sh BOOT KERNEL record             writes the sequences anew that are replayed by each test run
#        eng/differential.sh BOOT KERNEL record-vdpa        the same for vDPA
#        `BOOT run KERNEL FOLDER COMMAND` as for eng/conformance-on-linux.sh; tests/Ioasis.Differential/README.md says
#        what a sequence is
set -euo pipefail
[[ $# -ge 2 ]] || { sed -n '2,10s/^# //p' "$0" >&2; exit 2; }
boot=$(readlink -f "$1") kernel=$(readlink -f "$2")
shift 2
case ${1:-} in
shrink) arguments=("$boot" "$kernel" player "$(readlink -f "$2")") verb=shrink ;;
record) arguments=("$boot" "$kernel" player tests/Ioasis.Differential/Recorded 1001 12 4000) verb=record ;;
record-vdpa)
  arguments=("$boot" "$kernel" player tests/Ioasis.Differential/Recorded 2001 2 4000) verb=record-vdpa
  ;;
vdpa) arguments=("$boot" "$kernel" player "${2:-1}" "${3:-20}" "${4:-5000}") verb=compare-vdpa ;;
*) arguments=("$boot" "$kernel" player "${1:-1}" "${2:-20}" "${3:-20000}") verb=compare ;;
esac
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.."
dotnet build tests/Ioasis.Differential -c Release --nologo -v quiet </dev/null >&2
arguments[2]=$PWD/artifacts/differential/player
mkdir -p artifacts/differential tests/Ioasis.Differential/Recorded
for program in player vdpa_add; do
  gcc -O2 -Wall -Wextra -Werror -std=gnu17 -D_GNU_SOURCE -static $(eng/uapi-headers.sh) \
    "tests/Ioasis.Differential/Linux/$program.c" -o "artifacts/differential/$program"
done
dotnet artifacts/bin/Ioasis.Differential/release/Ioasis.Differential.dll "$verb" "${arguments[@]}"
