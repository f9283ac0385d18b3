# SPDX-License-Identifier: MIT
# A boot sector: reads the sector behind it, says it at the first serial port, writes it to the next, and ends QEMU by
# its debug exit (port 0xf4) with 0; with the BIOS's error where a call failed.
    .code16
    .globl _start
_start:
    cli
    xor %ax, %ax
    mov %ax, %ds
    mov %ax, %ss
    mov $0x7c00, %sp
    sti
    cld

    mov $0x42, %ah          # read; DL is the drive that we come from
    call transfer
    mov $0x43, %ah          # write, two behind us
    incw packet + 8
    call transfer

    cli                     # at a timer's tick the BIOS writes what it still has for the port
    mov $0x8000, %si
1:  lodsb
    test %al, %al
    jz done
    mov %al, %bl
    mov $0x3fd, %dx
2:  in %dx, %al
    test $0x20, %al
    jz 2b
    mov %bl, %al
    mov $0x3f8, %dx
    out %al, %dx
    jmp 1b

transfer:
    mov $packet, %si
    mov $0, %al
    int $0x13
    jnc 1f
    mov %ah, %al
    jmp end
1:  ret

done:
    xor %al, %al
end:
    mov $0xf4, %dx
    out %al, %dx
    cli
    hlt

packet:
    .byte 16, 0
    .word 1                 # sectors
    .word 0x8000, 0         # to or from here
    .quad 1                 # the first

    .org 510
    .word 0xaa55
