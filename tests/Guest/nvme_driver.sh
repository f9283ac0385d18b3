# In a guest: the NVMe driver of the examples, on the guest's own vfio-pci and iommufd. The host checks what it writes
# last. usage: sh nvme_driver.sh BDF
bdf=$1
sh ./vfio.sh $bdf || exit 1
mkdir /tmp/dotnet || exit 1
mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,ro,cache=loose dotnet /tmp/dotnet || exit 1
cp -r driver /tmp/driver || exit 1
export DOTNET_EnableDiagnostics=0 DOTNET_TieredPGO=0
drive() {
  /tmp/dotnet/dotnet /tmp/driver/NvmeDriver.dll --device $bdf "$@" || { echo "$*: failed"; dmesg | tail -n 20; exit 1; }
}
drive info
drive --resets 4 verify 4
# maps more at once than there is between the window of interrupt messages and 4 GiB
drive --block 524288 --depth 64 bench 1
drive write 1048576 <written
echo "nvme_driver: all as it must be"
