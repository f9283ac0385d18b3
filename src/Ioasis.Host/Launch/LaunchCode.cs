using System.Buffers.Binary;

namespace Ioasis.Host.Launch;

/// <summary>
/// A program of one page: makes the system calls that it is told through a socket, and answers with their results,
/// until one of them is an execve(2) that succeeds. If the socket has no other side any more, it ends with 125.
/// </summary>
/// <remarks>
/// Its data begin with a <see cref="LaunchData"/>. A call is seven words, the number and six arguments. A result is one
/// word, as the kernel returns it.
/// </remarks>
internal static class LaunchCode
{
    private const int DataAt = 2, FirstSocketAt = 11, SecondSocketAt = 81;

    private static ReadOnlySpan<byte> Template =>
    [
        0x48, 0xbb, 0, 0, 0, 0, 0, 0, 0, 0,       // mov rbx, data             ; set by Make
        // next:
        0xbf, 0, 0, 0, 0,                         // mov edi, socket           ; set by Make
        0x48, 0x89, 0xde,                         // mov rsi, rbx              ; LaunchData.Call
        0xba, 0x38, 0x00, 0x00, 0x00,             // mov edx, 56
        0x41, 0xba, 0x00, 0x01, 0x00, 0x00,       // mov r10d, MSG_WAITALL
        0x45, 0x31, 0xc0,                         // xor r8d, r8d
        0x45, 0x31, 0xc9,                         // xor r9d, r9d
        0xb8, 0x2d, 0x00, 0x00, 0x00,             // mov eax, 45               ; recvfrom
        0x0f, 0x05,                               // syscall
        0x83, 0xf8, 0x38,                         // cmp eax, 56
        0x75, 0x44,                               // jne end
        0x48, 0x8b, 0x03,                         // mov rax, [rbx]
        0x48, 0x8b, 0x7b, 0x08,                   // mov rdi, [rbx+8]
        0x48, 0x8b, 0x73, 0x10,                   // mov rsi, [rbx+16]
        0x48, 0x8b, 0x53, 0x18,                   // mov rdx, [rbx+24]
        0x4c, 0x8b, 0x53, 0x20,                   // mov r10, [rbx+32]
        0x4c, 0x8b, 0x43, 0x28,                   // mov r8, [rbx+40]
        0x4c, 0x8b, 0x4b, 0x30,                   // mov r9, [rbx+48]
        0x0f, 0x05,                               // syscall
        0x48, 0x89, 0x43, 0x48,                   // mov [rbx+72], rax         ; LaunchData.Result
        0xbf, 0, 0, 0, 0,                         // mov edi, socket           ; set by Make
        0x48, 0x8d, 0x73, 0x48,                   // lea rsi, [rbx+72]
        0xba, 0x08, 0x00, 0x00, 0x00,             // mov edx, 8
        0x41, 0xba, 0x00, 0x40, 0x00, 0x00,       // mov r10d, MSG_NOSIGNAL
        0x45, 0x31, 0xc0,                         // xor r8d, r8d
        0x45, 0x31, 0xc9,                         // xor r9d, r9d
        0xb8, 0x2c, 0x00, 0x00, 0x00,             // mov eax, 44               ; sendto
        0x0f, 0x05,                               // syscall
        0xeb, 0x97,                               // jmp next
        // end:
        0xbf, 0x7d, 0x00, 0x00, 0x00,             // mov edi, 125
        0xb8, 0xe7, 0x00, 0x00, 0x00,             // mov eax, 231              ; exit_group
        0x0f, 0x05,                               // syscall
    ];

    /// <summary>The program.</summary>
    /// <param name="socket">The number of its socket.</param>
    /// <param name="data">Its data.</param>
    internal static byte[] Make(int socket, LaunchData data)
    {
        byte[] code = Template.ToArray();
        BinaryPrimitives.WriteUInt64LittleEndian(code.AsSpan(DataAt), ElfImage.DataAt);
        BinaryPrimitives.WriteInt32LittleEndian(code.AsSpan(FirstSocketAt), socket);
        BinaryPrimitives.WriteInt32LittleEndian(code.AsSpan(SecondSocketAt), socket);
        return ElfImage.Make(code, data.Bytes);
    }
}
