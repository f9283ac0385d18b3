# In a guest: the first NVMe disk gets a partition, a file system and files, and fio verifies what it writes and reads.
# usage: sh disk.sh [FIO OPTION...]
modprobe -d /kernel/usr -a nvme ext4 || exit 1
for try in $(seq 100); do [ -b /dev/nvme0n1 ] && break; sleep 0.1; done
[ -b /dev/nvme0n1 ] || { echo "no disk"; dmesg | tail -n 20; exit 1; }
echo ',,L' | sfdisk -q /dev/nvme0n1 || exit 1
for try in $(seq 100); do [ -b /dev/nvme0n1p1 ] && break; sleep 0.1; done
mkfs.ext4 -q /dev/nvme0n1p1 || exit 1
mkdir -p /tmp/disk && mount /dev/nvme0n1p1 /tmp/disk || exit 1
cp -r /usr/share/perl5 /tmp/disk/files && sync || exit 1
fio --name=verified --directory=/tmp/disk --size=16M --bs=4k --rw=randrw --direct=1 --ioengine=libaio --iodepth=16 \
  --verify=crc32c --verify_fatal=1 --do_verify=1 --minimal "$@" >/tmp/fio || { cat /tmp/fio; exit 1; }
umount /tmp/disk || exit 1
echo 3 >/proc/sys/vm/drop_caches
fsck.ext4 -f -n /dev/nvme0n1p1 || exit 1
mount -o ro /dev/nvme0n1p1 /tmp/disk && diff -r /usr/share/perl5 /tmp/disk/files && echo "disk: all as it must be"
