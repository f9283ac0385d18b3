# In a guest that is to be killed while its disk works; booted again, it finds the disk as good as ever.
if [ -e killed ]; then exec sh ./disk.sh; fi
touch killed
modprobe -d /kernel/usr nvme || exit 1
for try in $(seq 100); do [ -b /dev/nvme0n1 ] && break; sleep 0.1; done
fio --name=busy --filename=/dev/nvme0n1 --size=8M --bs=4k --rw=randwrite --direct=1 --ioengine=libaio --iodepth=32 \
  --time_based --runtime=600 --minimal &
sleep 1
echo "BUSY"
wait
