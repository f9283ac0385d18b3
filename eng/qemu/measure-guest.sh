# In a guest of measure.sh: prints figures, one in a line. What there is to measure decides: a virtio disk, a network,
# NVMe disks, I/OAT.
rate() { # of DISK OPTION...: I/Os of 4 KiB in a second
  fio --name=measured --filename="$1" --size=32M --io_size=48M --bs=4k --direct=1 --ioengine=libaio \
    --output-format=json "${@:2}" |
    sed -n 's/.*"iops" : \([0-9.]*\).*/\1/p' | sort -g | tail -n 1
}
modprobe -d /kernel/usr -a virtio_blk virtio_net nvme 2>/dev/null
sleep 1
echo "boot $(cut -d ' ' -f 1 /proc/uptime) s"
if [[ -b /dev/vda ]]; then
  echo "disk-read $(rate /dev/vda --rw=randread --iodepth=16) io/s"
  echo "disk-write $(rate /dev/vda --rw=randwrite --iodepth=16) io/s"
  begin=$(cut -d ' ' -f 1 /proc/uptime)
  busybox yes 'a line of a console that has a lot to say, with sixty-four bytes' | head -c 400000
  echo
  echo "console $(echo "$begin $(cut -d ' ' -f 1 /proc/uptime)" | busybox awk '{ print 400 / ($2 - $1) }') kB/s"
fi
if [[ -d /sys/class/net/eth0 ]]; then
  busybox ip address add 10.0.2.15/24 dev eth0
  busybox ip link set eth0 up
  begin=$(cut -d ' ' -f 1 /proc/uptime)
  busybox wget -q -O /dev/null "http://10.0.2.2:$1/large" || exit 1
  echo "network $(echo "$begin $(cut -d ' ' -f 1 /proc/uptime)" | busybox awk '{ print 64 / ($2 - $1) }') MB/s"
fi
for disk in /dev/nvme?n1; do
  [[ -b $disk ]] || continue
  model=$(cut -d ' ' -f 1 </sys/block/${disk#/dev/}/device/model)
  for depth in 1 16; do
    for way in randread randwrite; do
      echo "nvme-$model-$way-$depth $(rate "$disk" --rw=$way --iodepth=$depth) io/s"
    done
  done
done
modprobe -d /kernel/usr ioatdma 2>/dev/null
if [ -n "$(ls /sys/class/dma 2>/dev/null)" ]; then
  for bytes in 4096 65536 524288; do
    dmesg -C
    insmod /modules/dmatest.ko iterations=500 timeout=20000 max_channels=1 threads_per_chan=1 noverify=1 norandom=1 \
      dmatest=0 test_buf_size=$((bytes * 2)) transfer_size=$bytes run=1 wait=1
    cat /sys/module/dmatest/parameters/wait >/dev/null
    dmesg | sed -n "s/.*summary .* failures \([0-9.]*\) iops \([0-9]*\) KB.s.*/ioat-copy-$bytes \1 copies\/s/p"
    rmmod dmatest
  done
fi
