#!/bin/bash
# Plays generated sequences of ioctls on our implementation and on a real Linux kernel in QEMU, and says where the
# answers differ.
# usage: eng/differential.sh BOOT KERNEL [SEED [SEEDS [CALLS]]]     default: seeds 1 to 20 of 20000 calls
#        eng/differential.sh BOOT KERNEL shrink FILE                the shortest sequence that still shows a difference
#        eng/differential.sh BOOT KERNEL record writes the sequences anew that are replayed by each test run
#        `BOOT run KERNEL FOLDER COMMAND` as for eng/conformance-on-linux.sh; tests/Ioasis.Differential/README.md says
#        what a sequence is
set -euo pipefail
[[ $# -ge 2 ]] || { sed -n '2,6s/^# //p' "$0" >&2; exit 2; }
boot=$(readlink -f "$1") kernel=$(readlink -f "$2")
shift 2
case ${1:-} in
shrink) arguments=("$boot" "$kernel" player "$(readlink -f "$2")") verb=shrink ;;
record) arguments=("$boot" "$kernel" player tests/Ioasis.Differential/Recorded 1001 12 4000) verb=record ;;
*) arguments=("$boot" "$kernel" player "${1:-1}" "${2:-20}" "${3:-20000}") verb=compare ;;
esac
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.."
dotnet build tests/Ioasis.Differential -c Release --nologo -v quiet </dev/null >&2
arguments[2]=$PWD/artifacts/differential/player
mkdir -p artifacts/differential tests/Ioasis.Differential/Recorded
gcc -O2 -Wall -Wextra -Werror -std=gnu17 -D_GNU_SOURCE -static tests/Ioasis.Differential/Linux/player.c \
  -o "${arguments[2]}"
dotnet artifacts/bin/Ioasis.Differential/release/Ioasis.Differential.dll "$verb" "${arguments[@]}"
