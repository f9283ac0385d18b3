#!/bin/bash
# Puts the user-space headers of Linux 7.2 (Debian's linux-libc-dev) into DEST, once.
# usage: uapi-headers.sh [DEST]        default artifacts/uapi; prints the compiler's flags for them
# The C clients are compiled against these, never against the machine's own: those may know no iommufd at all.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
series=7.2   # a later one is no substitute: this is the uAPI that we say we serve
dest=$(mkdir -p "${1:-$root/artifacts/uapi}" && cd "${1:-$root/artifacts/uapi}" && pwd)
if [[ ! -f $dest/complete-$series ]]; then
  bash "$root/eng/debian-package.sh" "linux-libc-dev=$series.*" "$dest" >&2
  # <asm/...> is per architecture; where the package keeps it depends on its age
  for asm in "usr/include/$(gcc -print-multiarch)" usr/lib/linux/uapi/x86; do
    if [[ -f $dest/$asm/asm/types.h ]]; then ln -sfn "$asm" "$dest/arch"; fi
  done
  [[ -f $dest/arch/asm/types.h ]] || {
    echo "uapi-headers.sh: linux-libc-dev has no asm/types.h for this machine" >&2
    exit 1
  }
  found=$(awk '/LINUX_VERSION_(MAJOR|PATCHLEVEL)/ { printf "%s%s", dot, $3; dot = "." }' \
    "$dest/usr/include/linux/version.h")
  [[ $found == "$series" ]] || {
    echo "uapi-headers.sh: wanted the headers of $series, got those of $found" >&2
    exit 1
  }
  touch "$dest/complete-$series"
fi
echo "-isystem $dest/usr/include -isystem $dest/arch"
