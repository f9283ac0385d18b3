#!/bin/bash
# Boots Linux 7.2 in QEMU 11.1, both of a folder that chroot.sh made, runs a script in it and ends with the script's
# status (125: the guest never said).
# usage: guest.sh FOLDER WORK [ARGUMENT...]
# WORK/command is the script; the guest has WORK as /mnt/work, and Debian's tree read-only around it. The arguments go
# to QEMU. environment: MEMORY=512M, RAM=anonymous or memfd, APPEND= more of the kernel's command line, MACHINE=q35
set -euo pipefail
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
folder=$1 work=$2
shift 2
memory=${MEMORY:-512M}
case ${RAM:-anonymous} in
  anonymous) ram=(-m "$memory") ;;
  memfd) ram=(-m "$memory" -object "memory-backend-memfd,id=ram,size=$memory,share=on") machine=,memory-backend=ram ;;
esac
# On a busy machine the timer comes too late for the check of it (no_timer_check), and the time stamp counter is taken
# for another than it is (tsc). damon_stat walks page tables that tests spoil.
vmlinuz=$(ls -d "$folder"/root/kernel/usr/lib/modules/*/vmlinuz)
"$here/qemu.sh" "$folder" -M "${MACHINE:-q35}${machine:-}" -accel tcg,thread=multi -cpu max "${ram[@]}" -nodefaults \
  -no-user-config -nographic -no-reboot \
  -serial stdio -kernel "$vmlinuz" -initrd "$folder/initramfs" \
  -append "console=ttyS0 quiet panic=-1 no_timer_check tsc=unstable damon_stat.enabled=0 rdinit=/init ${APPEND:-}" \
  -fsdev "local,id=debian,path=$folder/root,security_model=none,readonly=on" \
  -device virtio-9p-pci,fsdev=debian,mount_tag=debian \
  -fsdev "local,id=work,path=$work,security_model=none" -device virtio-9p-pci,fsdev=work,mount_tag=work \
  "$@" </dev/null | sed -u 's/\r//g' | tee "$work/console" || true # what the guest said decides
status=$(sed -n 's/^GUEST-ENDED=//p' "$work/console" | tail -n 1)
exit "${status:-125}"
