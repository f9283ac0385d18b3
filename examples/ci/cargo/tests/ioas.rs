// SPDX-License-Identifier: MIT
use std::os::fd::AsRawFd;

extern "C" {
    fn ioctl(fd: i32, request: u64, ...) -> i32;
}

const IOMMU_IOAS_ALLOC: u64 = 0x3b81; // linux/iommufd.h: _IO(';', 0x81)

#[test]
fn an_address_space_is_made() {
    let iommu = vfio_tests::iommu().expect("/dev/iommu");
    let mut alloc = [12u32, 0, 0]; // struct iommu_ioas_alloc: size, flags, out_ioas_id
    assert_eq!(unsafe { ioctl(iommu.as_raw_fd(), IOMMU_IOAS_ALLOC, alloc.as_mut_ptr()) }, 0);
    assert_ne!(alloc[2], 0);
}
