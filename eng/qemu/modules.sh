#!/bin/bash
# Builds the modules that the tests' guests need and Debian's Linux 7.2 leaves out, into FOLDER/root/modules: iommufd,
# VFIO with character devices, dmatest of the DMA engines, and our driver of dmatest. Only modules: the kernel stays
# Debian's. Takes root, as chroot.sh does, which made FOLDER.
# usage: modules.sh FOLDER [KERNEL_TREE] Without KERNEL_TREE the sources come from Debian's linux-source-7.2. Nothing of
# them is ever committed.
set -euo pipefail
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
folder=$(cd "$1" && pwd)
root=$folder/root work=$folder/root/usr/src/ioasis own=$here/../../tests/Guest/ioasis_dmatest
done=$root/modules/complete
[[ -f $done && -z $(find "$own" "${BASH_SOURCE[0]}" -newer "$done" -print -quit) ]] && exit 0

headers=$(cd "$root/usr/src" && ls -d linux-headers-*-amd64)
if [[ ! -f $work/drivers/iommu/iommufd/main.c ]]; then
  tree=${2:-}
  parts=(drivers/iommu/iommufd drivers/iommu/iommu-priv.h drivers/iommu/intel/iommu.h drivers/vfio
    drivers/dma/dmatest.c lib/interval_tree.c)
  mkdir -p "$work"
  if [[ -n $tree ]]; then
    tar -C "$tree" -c "${parts[@]}" | tar -C "$work" -x
  else
    version=$(dpkg-query --admindir="$root/var/lib/dpkg" -W -f '${source:Version}' "$headers")
    package=$(mktemp -d)
    trap 'rm -rf "$package"' EXIT
    "$here/../debian-package.sh" "linux-source-7.2=$version" "$package"
    tar -C "$work" --strip-components=1 --wildcards -xf "$package"/usr/src/linux-source-7.2.tar.xz "${parts[@]/#/*/}"
  fi
fi
cp -r "$own" "$work/"

# What of the kernel proper iommufd would have selected: the second half of this file.
{
  printf '#include <linux/%s.h>\n' compiler export interval_tree
  sed -n '/^#ifdef CONFIG_INTERVAL_TREE_SPAN_ITER/,$p' "$work/lib/interval_tree.c"
} >"$work/lib/span.c"
grep -q 'lib/span.o' "$work/drivers/iommu/iommufd/Makefile" ||
  sed -i 's|^iommufd-y := |&../../../lib/span.o |' "$work/drivers/iommu/iommufd/Makefile"
echo 'obj-m += drivers/iommu/iommufd/ drivers/vfio/ drivers/dma/ ioasis_dmatest/' >"$work/Kbuild"
echo 'obj-m += dmatest.o' >"$work/drivers/dma/Makefile"

# as if Debian's configuration had them; make and the compiler are told each
chosen=(IOMMUFD=m IOMMUFD_DRIVER_CORE=m INTERVAL_TREE_SPAN_ITER=y VFIO_DEVICE_CDEV=y)
left_out=(CONFIG_DEBUG_INFO_BTF_MODULES CONFIG_VFIO_MDEV CONFIG_MLX5_VFIO_PCI CONFIG_ISM_VFIO_PCI CONFIG_PDS_VFIO_PCI
  CONFIG_VIRTIO_VFIO_PCI CONFIG_QAT_VFIO_PCI CONFIG_XE_VFIO_PCI CONFIG_NVGRACE_GPU_VFIO_PCI CONFIG_HISI_ACC_VFIO_PCI)
flags=
for each in "${chosen[@]}"; do
  case $each in *=m) flags+=" -DCONFIG_${each%=m}_MODULE" ;; *) flags+=" -DCONFIG_${each%=y}" ;; esac
done
# objtool looks into /proc, which is there for this mount namespace only
unshare --mount sh -c 'mount --bind /proc "$0/proc" && exec chroot "$0" "$@"' "$root" \
  make -s -j"$(nproc)" -C "/usr/src/$headers" M=/usr/src/ioasis "${chosen[@]/#/CONFIG_}" "${left_out[@]/%/=}" \
    KCFLAGS="$flags" modules
mkdir -p "$root/modules"
find "$work" -name '*.ko' -exec cp {} "$root/modules/" \;
touch "$done"
