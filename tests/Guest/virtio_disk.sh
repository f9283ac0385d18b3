# In a guest: the first virtio disk gets a file system and files, and fio verifies what it writes and reads.
# usage: sh virtio_disk.sh
modprobe -d /kernel/usr -a virtio_blk ext4 || exit 1
for try in $(seq 200); do [ -b /dev/vda ] && break; sleep 0.1; done
[ -b /dev/vda ] || { echo "no disk"; dmesg | tail -n 20; exit 1; }
mkfs.ext4 -q /dev/vda || exit 1
mkdir -p /tmp/disk && mount -o discard /dev/vda /tmp/disk || exit 1
cp -r /usr/share/perl5 /tmp/disk/files && sync || exit 1
fio --name=verified --directory=/tmp/disk --size=8M --bs=4k --rw=randrw --direct=1 --ioengine=libaio --iodepth=16 \
  --verify=crc32c --verify_fatal=1 --do_verify=1 --minimal >/tmp/fio || { cat /tmp/fio; exit 1; }
rm /tmp/disk/verified* && sync && umount /tmp/disk || exit 1
echo 3 >/proc/sys/vm/drop_caches
fsck.ext4 -f -n /dev/vda || exit 1
mount -o ro /dev/vda /tmp/disk && diff -r /usr/share/perl5 /tmp/disk/files && echo "virtio_disk: all as it must be"
