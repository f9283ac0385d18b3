# In a guest: its page tables are garbage, and its driver forgets to invalidate.
insmod /modules/ioasis_dmatest.ko coherent_walk=1 || exit 1
./guest_garbage 400 && ./guest_sva || exit 1
if dmesg | grep -E 'Oops|BUG:'; then exit 1; fi
