# In a guest: the module dmatest copies and fills with the channels of I/OAT, and compares. usage: sh dmatest.sh
modprobe -d /kernel/usr ioatdma || exit 1
insmod /modules/dmatest.ko iterations=50 timeout=20000 max_channels=1 threads_per_chan=1 noverify=0 polled=0 run=1 \
  wait=1 || exit 1
# waits until all is done
cat /sys/module/dmatest/parameters/wait >/dev/null
dmesg | grep -E 'dmatest: .*summary' || { dmesg | tail -n 20; exit 1; }
dmesg | grep -E 'dmatest: .*summary' | grep -v ' 0 failures' && exit 1
echo "dmatest: all as it must be"
