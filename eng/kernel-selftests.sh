#!/bin/bash
# Builds Linux 7.2's own selftests of VFIO and iommufd as static programs in DEST, once: clients nobody here wrote.
# usage: kernel-selftests.sh [DEST [KERNEL_TREE]]     DEST: default artifacts/selftests
# Without KERNEL_TREE the parts needed come from Debian's linux-source-7.2. Nothing of it is ever committed.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
series=7.2
dest=$(mkdir -p "${1:-$root/artifacts/selftests}" && cd "${1:-$root/artifacts/selftests}" && pwd)
tree=${2:-$dest/linux}
[[ ! -f $dest/complete-$series-2 ]] || exit 0

read -ra uapi <<<"$("$root/eng/uapi-headers.sh")"
if [[ ! -f $tree/tools/testing/selftests/vfio/vfio_iommufd_setup_test.c ]]; then
  package=$(mktemp -d)
  trap 'rm -rf "$package"' EXIT
  "$root/eng/debian-package.sh" "linux-source-$series=$series.*" "$package"
  mkdir -p "$tree"
  # the tests, and the few headers of the kernel proper that they reach for (some through symbolic links)
  tar -C "$tree" --strip-components=1 --wildcards -xf "$package"/usr/src/linux-source-"$series".tar.xz \
    '*/tools/testing/selftests/*.h' '*/tools/testing/selftests/vfio/*' \
    '*/tools/testing/selftests/iommu/*' '*/tools/include/*' \
    '*/tools/arch/x86/include/*' '*/include/linux/pci_ids.h' '*/drivers/dma/idxd/registers.h' '*/drivers/dma/ioat/*.h' \
    '*/drivers/iommu/iommufd/iommufd_test.h'
fi
selftests=$tree/tools/testing/selftests
vfio=$selftests/vfio

# what user-space headers leave out and the tests still want
extra=$dest/extra
mkdir -p "$extra/linux" "$dest/objects"
cp "$tree/include/linux/pci_ids.h" "$extra/linux/"
cat >"$extra/calloc_assert.h" <<'EOF'
/* 7.2's VFIO tests call this and define it nowhere */
#include <stdlib.h>
static inline void *calloc_assert(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (!memory)
        abort();
    return memory;
}
EOF
# -I before -isystem: where the kernel's tools/include has a <linux/...> of its own the tests mean that one
flags=(-static -O2 -w -D_GNU_SOURCE= -I "$extra" -I "$selftests" "${uapi[@]}")

for test in iommufd iommufd_fail_nth; do
  gcc "${flags[@]}" -I "$tree/drivers/iommu/iommufd" "$selftests/iommu/$test.c" -o "$dest/$test" -lcap -lpthread
done

flags+=(-include "$extra/calloc_assert.h" -I "$vfio/lib/include" -I "$tree/tools/include"
  -I "$tree/tools/arch/x86/include"
        -iquote "$tree/drivers")
library=()
for source in "$vfio"/lib/*.c "$vfio"/lib/drivers/*/*.c; do
  object=$dest/objects/$(basename "$source" .c).o
  gcc "${flags[@]}" -c "$source" -o "$object"
  library+=("$object")
done
for source in "$vfio"/vfio_*_test.c; do
  gcc "${flags[@]}" "$source" "${library[@]}" -o "$dest/$(basename "$source" .c)" -luuid -lpthread
done

# The test of its drivers once more, with drivers that reach registers by calls: see eng/selftests/asm/io.h
calls=("$dest/objects/mmio.o")
gcc -static -O2 -Wall -Werror -c "$root/eng/selftests/mmio.c" -o "${calls[0]}"
for source in "$vfio"/lib/*.c "$vfio"/lib/drivers/*/*.c; do
  object=$dest/objects/$(basename "$source" .c).calls.o
  gcc -I "$root/eng/selftests" "${flags[@]}" -c "$source" -o "$object"
  calls+=("$object")
done
gcc "${flags[@]}" -Wl,--wrap=mmap "$vfio/vfio_pci_driver_test.c" "${calls[@]}" -o "$dest/vfio_pci_driver_calls_test" \
  -luuid -lpthread
touch "$dest/complete-$series-2"
