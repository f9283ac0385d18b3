# In a guest: serial adapters of mtty, whose ports send back what they get, driven by Linux's own 8250_pci.
# usage: sh serial.sh BDF...
fail() {
  echo "serial: $*"
  dmesg | tail -n 20
  exit 1
}

interrupts() { # BDF: of its INTx, which is listed while a port is open
  awk -v irq="$(cat /sys/bus/pci/devices/$1/irq):" '$1 == irq && /IO-APIC/ { print $2 }' /proc/interrupts
}

ports() {
  for tty in /sys/class/tty/ttyS*; do
    case $(readlink -f $tty) in */$1/*) echo ${tty##*/} ;; esac
  done
}

echoes() { # PORT BDF: a line whose first byte interrupts, then 16 KiB, as many at a time as the FIFO holds
  exec 3<>/dev/$1
  before=$(interrupts $2)
  stty raw -echo 115200 <&3 || fail "$1: not set"
  echo 1 >/sys/class/tty/$1/rx_trig_bytes || fail "$1: no FIFO"
  echo "a line of $1" >&3
  [ "$(timeout 120 head -n 1 <&3)" = "a line of $1" ] || fail "$1: a line did not come back"
  echo 8 >/sys/class/tty/$1/rx_trig_bytes
  head -c 16384 /dev/urandom >/tmp/$1.sent
  timeout 120 head -c 16384 <&3 >/tmp/$1.back &
  cat /tmp/$1.sent >&3
  wait $! || fail "$1: $(wc -c </tmp/$1.back) bytes of 16384 came back"
  cmp /tmp/$1.sent /tmp/$1.back || fail "$1: other bytes came back"
  [ $(interrupts $2) -gt $before ] || fail "$1: no interrupts"
}

for bdf in "$@"; do
  function=/sys/bus/pci/devices/$bdf
  [ "$(cat $function/vendor) $(cat $function/device)" = "0x4348 0x3253" ] || fail "$bdf: no adapter"
  [ "$(basename $(readlink $function/driver))" = serial ] || fail "$bdf: no driver"
  writers=
  for port in $(ports $bdf); do # all at once
    echoes $port $bdf &
    writers="$writers $!"
  done
  for writer in $writers; do wait $writer || exit 1; done
  echo "serial: $(echo $writers | wc -w) of $bdf as they must be"
done
