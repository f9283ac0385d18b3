#!/bin/bash
# Makes a published program note the caller's limits and signals before the .NET runtime changes them (starter.c).
# usage: starter.sh PROGRAM
set -euo pipefail
here=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
gcc -O2 -Wall -Wextra -Werror -o "$work/attach" "$here/attach.c"
gcc -c -Os -Wall -Wextra -Werror -ffreestanding -fPIE -fno-stack-protector -fno-asynchronous-unwind-tables \
  -fno-tree-loop-distribute-patterns -fcf-protection=none -mno-sse -o "$work/starter.o" "$here/starter.c"
cat >"$work/flat.ld" <<'LD'
ENTRY(start)
SECTIONS {
  . = 0;
  .code : { *(.start) *(.text .text.*) *(.rodata .rodata.*) }
  .data : { *(.data .data.* .bss .bss.* COMMON .got*) }
  ASSERT(SIZEOF(.data) == 0, "the starter has data")
  /DISCARD/ : { *(.comment) *(.note*) *(.eh_frame*) }
}
LD
ld --no-relax -T "$work/flat.ld" -o "$work/starter.elf" "$work/starter.o"
objcopy -O binary -j .code "$work/starter.elf" "$work/starter.bin"
"$work/attach" "$1" "$work/starter.bin"
