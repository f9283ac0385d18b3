// SPDX-License-Identifier: MIT
// Maps a page in a function of a module: its stack has names of Rust. Needs no crate.
use std::fs::OpenOptions;
use std::os::fd::AsRawFd;

extern "C" {
    fn ioctl(fd: i32, request: u64, ...) -> i32;
}

#[repr(C)]
struct IoasAlloc {
    size: u32,
    flags: u32,
    out_ioas_id: u32,
}

#[repr(C)]
struct IoasMap {
    size: u32,
    flags: u32,
    ioas_id: u32,
    reserved: u32,
    user_va: u64,
    length: u64,
    iova: u64,
}

mod mapping {
    #[inline(never)]
    pub fn map_page(iommu: i32, map: &mut super::IoasMap) -> bool {
        let result = unsafe { super::ioctl(iommu, 0x3b85, map) }; // map
        result == 0
    }
}

fn main() {
    let iommu = OpenOptions::new().read(true).write(true).open("/dev/iommu").unwrap();
    let page = Box::new([0u8; 8192]);
    let start = (page.as_ptr() as u64 + 4095) & !4095;
    let mut alloc = IoasAlloc { size: 12, flags: 0, out_ioas_id: 0 };
    assert_eq!(unsafe { ioctl(iommu.as_raw_fd(), 0x3b81, &mut alloc) }, 0);
    let mut map =
        IoasMap { size: 40, flags: 7, ioas_id: alloc.out_ioas_id, reserved: 0, user_va: start, length: 4096, iova: 0x10000 };
    assert!(mapping::map_page(iommu.as_raw_fd(), &mut map));
    println!("ok");
}
