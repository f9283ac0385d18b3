# SPDX-License-Identifier: MIT
"""Tests of an I/O address space from Python."""
import fcntl
import os
import struct

IOMMU_IOAS_ALLOC = 0x3B81  # linux/iommufd.h: _IO(';', 0x81)


def test_an_address_space_is_made():
    iommu = os.open("/dev/iommu", os.O_RDWR)
    alloc = bytearray(struct.pack("=III", 12, 0, 0))  # struct iommu_ioas_alloc: size, flags, out_ioas_id
    fcntl.ioctl(iommu, IOMMU_IOAS_ALLOC, alloc)
    assert struct.unpack("=III", alloc)[2] != 0
