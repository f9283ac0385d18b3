# In a guest: the client programs, which pass on the machine itself, find the guest's own VFIO and /dev/iommu as good.
# usage: sh clients.sh BDF PROGRAM...
bdf=$1
shift
sh ./vfio.sh $bdf || exit 1
for program in "$@"; do
  ./$program $bdf || { echo "$program: failed"; dmesg | tail -n 20; exit 1; }
done
