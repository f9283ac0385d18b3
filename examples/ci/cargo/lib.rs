// SPDX-License-Identifier: MIT
//! A library with a test of an I/O address space.
use std::fs::{File, OpenOptions};
use std::io::Result;

/// Opens the IOMMU.
pub fn iommu() -> Result<File> {
    OpenOptions::new().read(true).write(true).open("/dev/iommu")
}
