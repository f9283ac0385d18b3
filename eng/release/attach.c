/* SPDX-License-Identifier: MIT */
/*
 * Adds code to a finished program, to run before the program's own entry.
 * usage: attach PROGRAM CODE      CODE: flat, its first word "original", its entry right after (starter.c)
 *
 * The code goes to the end of the file, so nothing in the file moves. The program header of the notes becomes the
 * header of the segment that loads the code: the linker puts it last, and nothing needs the notes at run time.
 */
#include <elf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <fcntl.h>
#include <unistd.h>

#define PAGE 4096ul
#define UP(value, unit) (((value) + (unit) - 1) & ~((unit) - 1))

static void refuse(const char *file, const char *why)
{
    fprintf(stderr, "attach: %s: %s\n", file, why);
    exit(1);
}

int main(int count, char **arguments)
{
    if (count != 3) refuse("usage", "attach PROGRAM CODE");
    const char *name = arguments[1];
    static char code[PAGE];
    FILE *source = fopen(arguments[2], "rb");
    size_t length = source ? fread(code, 1, sizeof(code), source) : 0;
    if (length <= sizeof(uint64_t) || length == sizeof(code)) refuse(arguments[2], "no code, or too long");

    int file = open(name, O_RDWR);
    struct stat state;
    if (file < 0 || fstat(file, &state) < 0) refuse(name, "cannot be opened");
    size_t mapped = UP((size_t)state.st_size, PAGE);
    Elf64_Ehdr *elf = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (elf == MAP_FAILED || memcmp(elf->e_ident, ELFMAG, SELFMAG) || elf->e_type != ET_DYN
        || elf->e_machine != EM_X86_64 || elf->e_phnum == 0)
        refuse(name, "is no position-independent program of x86-64");

    Elf64_Phdr *headers = (Elf64_Phdr *)((char *)elf + elf->e_phoff), *last = &headers[elf->e_phnum - 1];
    uint64_t end = 0;
    for (Elf64_Phdr *each = headers; each <= last; each++)
        if (each->p_type == PT_LOAD && each->p_vaddr + each->p_memsz > end) end = each->p_vaddr + each->p_memsz;
    if (last->p_type != PT_NOTE) refuse(name, "its last program header is not that of its notes");

    uint64_t address = UP(end, 16 * PAGE), original = elf->e_entry - address;
    *last = (Elf64_Phdr){.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_offset = mapped, .p_vaddr = address,
                         .p_paddr = address, .p_filesz = length, .p_memsz = length, .p_align = PAGE};
    elf->e_entry = address + sizeof(original);
    memcpy(code, &original, sizeof(original));
    if (munmap(elf, mapped) < 0 || pwrite(file, code, length, mapped) != (ssize_t)length || close(file) < 0)
        refuse(name, "cannot be written");
    return 0;
}
