# In a guest: two network interfaces whose devices are joined outside of it. One goes to a network namespace of its own;
# then pings and a file go from one to the other.
# usage: sh net_pair.sh
modprobe -d /kernel/usr virtio_net || exit 1
for try in $(seq 200); do [ -d /sys/class/net/eth1 ] && break; sleep 0.1; done
[ -d /sys/class/net/eth1 ] || { echo "no two interfaces"; dmesg | tail -n 20; exit 1; }
ip() { busybox ip "$@"; }
unshare --net sleep 100000 &
other=$!
until [ "$(readlink /proc/$other/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.1; done
there() { nsenter --net="/proc/$other/ns/net" "$@"; }
ip link set eth1 netns $other || exit 1
ip address add 10.9.0.1/24 dev eth0 && ip link set eth0 up || exit 1
there busybox ip address add 10.9.0.2/24 dev eth1 && there busybox ip link set eth1 up || exit 1
busybox ping -c 3 -W 60 10.9.0.2 || exit 1

# another address goes to the device through its control queue
ip link set eth0 down && ip link set eth0 address 52:54:00:aa:bb:cc && ip link set eth0 up || exit 1
ip link set eth0 promisc on && ip link set eth0 promisc off || exit 1
busybox ping -c 3 -W 60 10.9.0.2 || exit 1

mkdir -p /tmp/served && head -c 4000000 /dev/urandom >/tmp/served/file
there busybox httpd -f -p 80 -h /tmp/served &
server=$!
for try in $(seq 100); do
  busybox wget -q -O /tmp/received http://10.9.0.2/file && break
  sleep 0.2
done
cmp /tmp/served/file /tmp/received || exit 1
kill $server $other
echo "net_pair: all as it must be"
