# In a guest: replays the recordings that lie here on the guest's own VFIO and /dev/iommu, and records programs there.
# usage: sh recordings.sh BDF PROGRAM...
bdf=$1
shift
setpci -s $bdf COMMAND=0002 || exit 1 # what firmware enables is no kernel's doing
sh ./vfio.sh $bdf || exit 1
mkdir /tmp/dotnet || exit 1
mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,ro,cache=loose dotnet /tmp/dotnet || exit 1
cp -r ioasis /tmp/ioasis || exit 1
export DOTNET_EnableDiagnostics=0 DOTNET_TieredPGO=0
ioasis() { /tmp/dotnet/dotnet /tmp/ioasis/ioasis.dll "$@"; }
ioasis replay --on-system *.ioasis || { echo "a replay differs"; dmesg | tail -n 20; exit 1; }
echo "replayed $(ls *.ioasis | wc -l) recordings"
for program in "$@"; do
  ioasis record --on-system --with-memory -o /mnt/work/$program.recorded -- ./$program $bdf || exit 1
done
echo "recordings: all as they must be"
