#!/bin/bash
# Runs the conformance suite on a real Linux kernel in QEMU, with edu behind an intel-iommu: what the suite expects is
# what Linux does. dmatest is ours alone; the tests that need it are skipped there, and nothing else is.
# usage: eng/conformance-on-linux.sh BOOT KERNEL [XUNIT-OPTION...]
#        `BOOT run KERNEL FOLDER COMMAND` is to boot KERNEL (with iommufd and VFIO cdev), FOLDER's files in /ref, and
#        run COMMAND there; DEVS and IOMMU in its environment are options for QEMU
set -euo pipefail
boot=$(readlink -f "$1") kernel=$(readlink -f "$2")
shift 2
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.."
dotnet build tests/Ioasis.Conformance -c Release --nologo -v quiet </dev/null >&2

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
sdk=$(dirname "$(readlink -f "$(command -v dotnet)")")
mkdir -p "$folder"/{lib,dotnet/shared}
cp -r "$sdk/dotnet" "$sdk/host" "$folder/dotnet/"
cp -r "$sdk/shared/Microsoft.NETCore.App" "$folder/dotnet/shared/"
cp -r artifacts/bin/Ioasis.Conformance/release "$folder/app"
# what the runtime links to, and OpenSSL, which it loads for xunit's hashes
{
  ldd "$sdk/dotnet" "$sdk"/shared/Microsoft.NETCore.App/*/lib{coreclr,System.Native}.so |
    sed -n 's/.*=> \(\/[^ ]*\) .*/\1/p; s/^\t\(\/[^ ]*ld-linux[^ ]*\) .*/\1/p'
  ldconfig -p | sed -n 's/.*lib\(ssl\|crypto\)\.so\.3 .*x86-64.*=> //p'
} | sort -u | xargs -I{} cp -L {} "$folder/lib/"

cat >"$folder/run.sh" <<'GUEST'
mkdir -p /lib64
for library in /ref/lib/*; do ln -sf "$library" /lib64/; done
for device in /sys/bus/pci/devices/*; do
  [ "$(cat $device/vendor)$(cat $device/device)" = 0x12340x11e8 ] || continue
  echo vfio-pci >$device/driver_override
  echo "$(basename $device)" >/sys/bus/pci/drivers_probe
done
export LD_LIBRARY_PATH=/ref/lib DOTNET_ROOT=/ref/dotnet HOME=/tmp DOTNET_EnableDiagnostics=0
export IOASIS_TARGET=nodes IOASIS_WITHOUT=dmatest,mdev,sva,vdpa
/ref/dotnet/dotnet /ref/app/Ioasis.Conformance.dll -noColor "$@"
GUEST
DEVS='-device edu' IOMMU='-device intel-iommu,intremap=on' "$boot" run "$kernel" "$folder" "sh /ref/run.sh $*"
