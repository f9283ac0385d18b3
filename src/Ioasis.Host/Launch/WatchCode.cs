using System.Buffers.Binary;

namespace Ioasis.Host.Launch;

/// <summary>
/// A program of one page: waits until a pidfd is readable, then executes its arguments. It takes neither time nor
/// memory of note, as a second .NET runtime would, and holds the descriptors that it was started with.
/// </summary>
internal static class WatchCode
{
    private const int PollFdAt = 5;

    private static ReadOnlySpan<byte> Template =>
    [
        0x48, 0x89, 0xe3,                       // mov rbx, rsp                ; argc, argv, envp
        0x48, 0xb8, 0, 0, 0, 0, 1, 0, 0, 0,     // mov rax, POLLIN << 32 | fd  ; struct pollfd; set by Make
        0x50,                                   // push rax
        // wait:
        0x48, 0x89, 0xe7,                       // mov rdi, rsp
        0xbe, 0x01, 0x00, 0x00, 0x00,           // mov esi, 1
        0x48, 0xc7, 0xc2, 0xff, 0xff, 0xff, 0xff, // mov rdx, -1               ; for ever
        0xb8, 0x07, 0x00, 0x00, 0x00,           // mov eax, 7                  ; poll
        0x0f, 0x05,                             // syscall
        0x83, 0xf8, 0x01,                       // cmp eax, 1
        0x75, 0xe5,                             // jne wait                    ; EINTR
        0x48, 0x8b, 0x03,                       // mov rax, [rbx]              ; argc
        0x48, 0x8b, 0x7b, 0x10,                 // mov rdi, [rbx+16]           ; argv[1]
        0x48, 0x8d, 0x73, 0x10,                 // lea rsi, [rbx+16]           ; its arguments
        0x48, 0x8d, 0x54, 0xc3, 0x10,           // lea rdx, [rbx+rax*8+16]     ; the environment
        0xb8, 0x3b, 0x00, 0x00, 0x00,           // mov eax, 59                 ; execve
        0x0f, 0x05,                             // syscall
        0xbf, 0x7d, 0x00, 0x00, 0x00,           // mov edi, 125
        0xb8, 0x3c, 0x00, 0x00, 0x00,           // mov eax, 60                 ; exit
        0x0f, 0x05,                             // syscall
    ];

    /// <summary>The program for a pidfd's number.</summary>
    internal static byte[] Make(int pidfd)
    {
        byte[] code = Template.ToArray();
        BinaryPrimitives.WriteInt32LittleEndian(code.AsSpan(PollFdAt), pidfd);
        return ElfImage.Make(code, []);
    }
}
