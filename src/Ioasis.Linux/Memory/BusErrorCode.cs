using System.Buffers.Binary;

namespace Ioasis.Linux.Memory;

/// <summary>
/// The handler of SIGBUS in x86-64 machine code. A fault can stop managed code at any instruction, so the handler can
/// be no managed code: it makes system calls only, and keeps errno, the stack and the registers as it found them.
/// <see cref="GuardedViews"/> has the table that it reads, and says what it does.
/// </summary>
internal static class BusErrorCode
{
    // Fields of the table's header, and of an entry. The code below has these numbers.
    internal const int UsedEnd = 0, Former = 8;
    internal const int Start = 0, End = 8, PageMask = 16, File = 24, LostFrom = 32, Faults = 40, Offset = 48,
        LonePages = 56;

    /// <summary>Size of the header, and of an entry.</summary>
    internal const int EntrySize = 64;

    /// <summary>The most pages that are replaced one by one in a view.</summary>
    internal const int MostLonePages = 64;

    private const int TableAt = 6;

    private static ReadOnlySpan<byte> Template =>
    [
        0xf3, 0x0f, 0x1e, 0xfa,                       // endbr64
        0x49, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0,           // mov r8, table             ; set by Make
        0x4d, 0x8b, 0x08,                             // mov r9, [r8]              ; the end of the used entries
        0x83, 0x7e, 0x08, 0x02,                       // cmp dword [rsi+8], 2      ; si_code: BUS_ADRERR
        0x0f, 0x85, 0x49, 0x01, 0x00, 0x00,           // jne chain
        0x48, 0x8b, 0x46, 0x10,                       // mov rax, [rsi+16]         ; si_addr
        0x4d, 0x89, 0xc2,                             // mov r10, r8               ; an entry
        // next:
        0x49, 0x83, 0xc2, 0x40,                       // add r10, 64
        0x4d, 0x39, 0xca,                             // cmp r10, r9
        0x0f, 0x83, 0x35, 0x01, 0x00, 0x00,           // jae chain
        0x49, 0x8b, 0x4a, 0x08,                       // mov rcx, [r10+8]          ; End
        0x48, 0x39, 0xc8,                             // cmp rax, rcx
        0x73, 0xea,                                   // jae next
        0x49, 0x3b, 0x02,                             // cmp rax, [r10]            ; Start
        0x72, 0xe5,                                   // jb next
        0x49, 0x3b, 0x4a, 0x08,                       // cmp rcx, [r10+8]          ; is it still that view?
        0x75, 0xdf,                                   // jne next
        0xf0, 0x49, 0xff, 0x42, 0x28,                 // lock inc [r10+40]         ; Faults
        0x57,                                         // push rdi
        0x56,                                         // push rsi
        0x52,                                         // push rdx
        0x53,                                         // push rbx
        0x55,                                         // push rbp
        0x41, 0x54,                                   // push r12
        0x41, 0x50,                                   // push r8
        0x48, 0x81, 0xec, 0x90, 0x00, 0x00, 0x00,     // sub rsp, 144              ; struct stat
        0x4c, 0x89, 0xd3,                             // mov rbx, r10              ; the view
        0x48, 0x89, 0xc5,                             // mov rbp, rax              ; the page
        0x48, 0x23, 0x6b, 0x10,                       // and rbp, [rbx+16]         ; PageMask
        0x45, 0x31, 0xe4,                             // xor r12d, r12d            ; looks at the file twice at most
        // look:
        0x48, 0x8b, 0x7b, 0x18,                       // mov rdi, [rbx+24]         ; File
        0x48, 0x89, 0xe6,                             // mov rsi, rsp
        0xb8, 0x05, 0x00, 0x00, 0x00,                 // mov eax, 5                ; fstat
        0x0f, 0x05,                                   // syscall
        0x85, 0xc0,                                   // test eax, eax
        0x75, 0x3c,                                   // jne within
        0x48, 0x8b, 0x53, 0x10,                       // mov rdx, [rbx+16]
        0x48, 0x8b, 0x44, 0x24, 0x30,                 // mov rax, [rsp+48]         ; st_size
        0x48, 0x29, 0xd0,                             // sub rax, rdx
        0x48, 0xff, 0xc8,                             // dec rax
        0x48, 0x21, 0xd0,                             // and rax, rdx              ; up to whole pages
        0x31, 0xc9,                                   // xor ecx, ecx
        0x48, 0x2b, 0x43, 0x30,                       // sub rax, [rbx+48]         ; Offset
        0x48, 0x0f, 0x42, 0xc1,                       // cmovb rax, rcx            ; the view begins beyond
        0x48, 0x03, 0x03,                             // add rax, [rbx]            ; the first page beyond the file
        0x48, 0x39, 0xc5,                             // cmp rbp, rax
        0x72, 0x18,                                   // jb within
        0x48, 0x89, 0xc7,                             // mov rdi, rax
        0x48, 0x8b, 0x73, 0x20,                       // mov rsi, [rbx+32]         ; LostFrom
        0x48, 0x39, 0xf5,                             // cmp rbp, rsi
        0x0f, 0x83, 0x80, 0x00, 0x00, 0x00,           // jae done                  ; another thread was faster
        0x49, 0x89, 0xfc,                             // mov r12, rdi
        0x48, 0x29, 0xfe,                             // sub rsi, rdi              ; bytes
        0xeb, 0x41,                                   // jmp replace
        // within:
        0x48, 0x89, 0xef,                             // mov rdi, rbp
        0x48, 0x8b, 0x73, 0x10,                       // mov rsi, [rbx+16]
        0x48, 0xf7, 0xde,                             // neg rsi                   ; one page
        0xba, 0x16, 0x00, 0x00, 0x00,                 // mov edx, 22               ; MADV_POPULATE_READ
        0xb8, 0x1c, 0x00, 0x00, 0x00,                 // mov eax, 28               ; madvise
        0x0f, 0x05,                                   // syscall
        0x85, 0xc0,                                   // test eax, eax
        0x74, 0x5e,                                   // je done                   ; the page is there by now
        0x45, 0x85, 0xe4,                             // test r12d, r12d
        0x75, 0x05,                                   // jne lone                  ; truncated since the first look?
        0x41, 0xff, 0xc4,                             // inc r12d
        0xeb, 0x8e,                                   // jmp look
        // lone:
        0x4c, 0x8b, 0x63, 0x20,                       // mov r12, [rbx+32]
        0xf0, 0x48, 0xff, 0x43, 0x38,                 // lock inc [rbx+56]         ; LonePages
        0x48, 0x83, 0x7b, 0x38, 0x40,                 // cmp [rbx+56], 64          ; MostLonePages
        0x76, 0x0d,                                   // jbe replace
        0x48, 0x8b, 0x3b,                             // mov rdi, [rbx]            ; the whole view
        0x48, 0x8b, 0x73, 0x08,                       // mov rsi, [rbx+8]
        0x48, 0x29, 0xfe,                             // sub rsi, rdi
        0x49, 0x89, 0xfc,                             // mov r12, rdi
        // replace:
        0xba, 0x03, 0x00, 0x00, 0x00,                 // mov edx, 3                ; PROT_READ | PROT_WRITE
        0x41, 0xba, 0x32, 0x40, 0x00, 0x00,           // mov r10d, 0x4032          ; MAP_FIXED, anonymous
        0x49, 0xc7, 0xc0, 0xff, 0xff, 0xff, 0xff,     // mov r8, -1
        0x45, 0x31, 0xc9,                             // xor r9d, r9d
        0xb8, 0x09, 0x00, 0x00, 0x00,                 // mov eax, 9                ; mmap
        0x0f, 0x05,                                   // syscall
        0x48, 0x39, 0xf8,                             // cmp rax, rdi
        0x75, 0x27,                                   // jne fail
        0xba, 0x0f, 0x00, 0x00, 0x00,                 // mov edx, 15               ; MADV_NOHUGEPAGE
        0xb8, 0x1c, 0x00, 0x00, 0x00,                 // mov eax, 28               ; madvise
        0x0f, 0x05,                                   // syscall
        0x4c, 0x3b, 0x63, 0x20,                       // cmp r12, [rbx+32]
        0x73, 0x04,                                   // jae done
        0x4c, 0x89, 0x63, 0x20,                       // mov [rbx+32], r12         ; LostFrom
        // done:
        0x48, 0x81, 0xc4, 0x90, 0x00, 0x00, 0x00,     // add rsp, 144
        0x41, 0x58,                                   // pop r8
        0x41, 0x5c,                                   // pop r12
        0x5d,                                         // pop rbp
        0x5b,                                         // pop rbx
        0x5a,                                         // pop rdx
        0x5e,                                         // pop rsi
        0x5f,                                         // pop rdi
        0xc3,                                         // ret                       ; to the access
        // fail:
        0x48, 0x8b, 0x4b, 0x10,                       // mov rcx, [rbx+16]
        0x48, 0xf7, 0xd9,                             // neg rcx
        0x48, 0x39, 0xce,                             // cmp rsi, rcx              ; was it one page?
        0x74, 0x0c,                                   // je give_up
        0x48, 0x89, 0xef,                             // mov rdi, rbp              ; only that page, then
        0x48, 0x89, 0xce,                             // mov rsi, rcx
        0x4c, 0x8b, 0x63, 0x20,                       // mov r12, [rbx+32]
        0xeb, 0xa0,                                   // jmp replace
        // give_up:
        0x48, 0x81, 0xc4, 0x90, 0x00, 0x00, 0x00,     // add rsp, 144
        0x41, 0x58,                                   // pop r8
        0x41, 0x5c,                                   // pop r12
        0x5d,                                         // pop rbp
        0x5b,                                         // pop rbx
        0x5a,                                         // pop rdx
        0x5e,                                         // pop rsi
        0x5f,                                         // pop rdi
        // chain:
        0x41, 0xff, 0x60, 0x08,                       // jmp [r8+8]                ; to the former handler
    ];

    /// <summary>The code for a table at an address.</summary>
    internal static byte[] Make(nint table)
    {
        byte[] code = Template.ToArray();
        BinaryPrimitives.WriteInt64LittleEndian(code.AsSpan(TableAt), table);
        return code;
    }
}
