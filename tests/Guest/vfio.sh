# In a guest: gives functions to the guest's own VFIO and /dev/iommu. usage: sh vfio.sh BDF...
modprobe -d /kernel/usr irqbypass
for module in iommufd_driver iommufd vfio vfio_iommu_type1 vfio-pci-core vfio-pci; do
  insmod /modules/$module.ko || exit 1
done
for bdf in "$@"; do
  echo vfio-pci >/sys/bus/pci/devices/$bdf/driver_override
  echo $bdf >/sys/bus/pci/drivers_probe || exit 1
done
