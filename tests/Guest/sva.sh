# In a guest: the device works on the pointers of processes of the guest.
insmod /modules/ioasis_dmatest.ko || exit 1
if ./guest_sva; then
  echo "SVA without coherent walks: works"
  exit 1
fi
echo "SVA without coherent walks: refused"
rmmod ioasis_dmatest
insmod /modules/ioasis_dmatest.ko coherent_walk=1 || exit 1
./guest_sva || exit 1
if dmesg | grep -E 'DMAR:.*fault|Oops|BUG:'; then exit 1; fi
