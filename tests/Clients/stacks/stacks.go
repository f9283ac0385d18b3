// SPDX-License-Identifier: MIT

// Maps a page in a method: its stack has names of Go. Needs no module.
package main

import (
	"fmt"
	"os"
	"syscall"
	"unsafe"
)

type ioasAlloc struct {
	size, flags, id uint32
}

type ioasMap struct {
	size, flags, ioas, reserved uint32
	va, length, iova            uint64
}

type mapper struct {
	file *os.File
}

//go:noinline
func (m *mapper) call(request uintptr, argument unsafe.Pointer) syscall.Errno {
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, m.file.Fd(), request, uintptr(argument)) // map
	return errno
}

//go:noinline
func (m *mapper) mapPage(ioas uint32, page []byte) syscall.Errno {
	request := ioasMap{40, 7, ioas, 0, uint64(uintptr(unsafe.Pointer(&page[0]))), 4096, 0x10000}
	errno := m.call(0x3b85, unsafe.Pointer(&request))
	return errno
}

func main() {
	file, err := os.OpenFile("/dev/iommu", os.O_RDWR, 0)
	if err != nil {
		panic(err)
	}
	page, err := syscall.Mmap(-1, 0, 4096, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	if err != nil {
		panic(err)
	}
	m := &mapper{file}
	alloc := ioasAlloc{size: 12}
	if errno := m.call(0x3b81, unsafe.Pointer(&alloc)); errno != 0 {
		panic(errno)
	}
	if errno := m.mapPage(alloc.id, page); errno != 0 {
		panic(errno)
	}
	fmt.Println("ok")
}
