# In two guests at once, whose disks are parts of one controller: one is killed while it writes, the other goes on.
# usage: sh neighbours.sh killed|survives
modprobe -d /kernel/usr nvme || exit 1
for try in $(seq 100); do [ -b /dev/nvme0n1 ] && break; sleep 0.1; done
[ -b /dev/nvme0n1 ] || { echo "no disk"; dmesg | tail -n 20; exit 1; }

writes() { awk '{ print $5 }' /sys/block/nvme0n1/stat; }

busy() { # FIO'S-PID LINE: says the line when fio has begun to write
  from=$(writes)
  until [ $(($(writes) - from)) -ge 500 ]; do
    kill -0 $1 || exit 1
    sleep 0.1
  done
  echo "$2"
}

verified() { # 16 MiB of random data, read back and compared
  fio --name=verified --filename=/dev/nvme0n1 --size=16M --bs=4k --rw=randrw --direct=1 --ioengine=libaio --iodepth=16 \
    --verify=crc32c --verify_fatal=1 --do_verify=1 --minimal >/tmp/fio || { cat /tmp/fio; dmesg | tail -n 20; exit 1; }
}

if [ $1 = killed ]; then
  fio --name=busy --filename=/dev/nvme0n1 --size=8M --bs=4k --rw=randwrite --direct=1 --ioengine=libaio --iodepth=32 \
    --time_based --runtime=600 --minimal &
  busy $! "VICTIM-BUSY"
  wait
  exit
fi
until [ -e start ] || [ -e over ]; do sleep 0.1; done
verified &
busy $! "SURVIVOR-BUSY"
wait $! || exit 1
until [ -e over ]; do verified || exit 1; done
verified || exit 1 # begun when all is over
echo "neighbours: all as it must be"
