# In a guest: functions are reset while they work. Linux's driver of NVMe repeats what a reset took away; the data must
# be right. usage: sh resets.sh BDF
modprobe -d /kernel/usr nvme || exit 1
for try in $(seq 100); do [ -b /dev/nvme0n1 ] && break; sleep 0.1; done
fio --name=reset --filename=/dev/nvme0n1 --size=8M --bs=4k --rw=randrw --direct=1 --ioengine=libaio --iodepth=16 \
  --verify=crc32c --verify_fatal=1 --do_verify=1 --time_based --runtime=6 --minimal >/tmp/fio &
fio=$!
resets=0
while kill -0 $fio 2>/dev/null; do
  echo 1 >/sys/bus/pci/devices/$1/reset || exit 1
  resets=$((resets + 1))
  sleep 0.5
done
wait $fio || { cat /tmp/fio; dmesg | tail -n 20; exit 1; }
[ $resets -ge 3 ] && echo "resets: all as it must be"
