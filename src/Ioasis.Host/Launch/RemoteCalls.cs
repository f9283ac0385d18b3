using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Linux;
using Ioasis.Linux.Files;

namespace Ioasis.Host.Launch;

/// <summary>The system calls of a process that runs <see cref="LaunchCode"/>.</summary>
/// <param name="socket">Our end of its socket.</param>
/// <param name="itsSocket">The number of its end, in the process.</param>
internal sealed class RemoteCalls(FileDescriptor socket, int itsSocket) : IDisposable
{
    private const int WordsOfCall = 7;

    /// <summary>Has the process make a call, and waits until it has.</summary>
    /// <param name="result">Its result.</param>
    /// <param name="number">One of <see cref="SyscallNumbers"/>.</param>
    /// <param name="arguments">Its arguments, at most six; the others are 0.</param>
    /// <returns>False if the process has ended or runs another program: after an execve(2) that succeeded.</returns>
    public bool TryMake(out SysResult result, int number, params ReadOnlySpan<ulong> arguments)
    {
        result = default;
        return TryBegin(number, arguments) && TryEnd(out result);
    }

    /// <summary>Has the process close its end when it executes another program.</summary>
    public void CloseOnExec() =>
        TryMake(out _, SyscallNumbers.Fcntl, (ulong)itsSocket, FcntlH.F_SETFD, FcntlH.FD_CLOEXEC);

    /// <summary>
    /// Has the process send the file whose number its last call returned. Null if that fails, or we have no descriptor
    /// left.
    /// </summary>
    public FileDescriptor? TakeFileOfResult()
    {
        if (!TryBegin(SyscallNumbers.Sendmsg, (ulong)itsSocket, LaunchData.FileOfResult)) return null;
        Span<byte> number = stackalloc byte[sizeof(long)];
        SysResult got = SysMessages.ReceiveFile(socket, number, out FileDescriptor? file);
        // Without a file this was the call's result, an error.
        if (got.IsOk && got.Value == sizeof(long) && (file is null || TryEnd(out _))) return file;
        file?.Dispose();
        return null;
    }

    /// <summary>Has the process write a word of its memory.</summary>
    /// <param name="address">Where.</param>
    /// <param name="value">The word.</param>
    public bool TryWrite(ulong address, ulong value)
    {
        const ulong MSG_WAITALL = 0x100;
        return TryBegin(SyscallNumbers.Recvfrom, (ulong)itsSocket, address, sizeof(ulong), MSG_WAITALL)
            && TrySend([value]) && TryEnd(out SysResult got) && got.Value == sizeof(ulong);
    }

    /// <summary>Closes our end: the process ends, unless it runs another program.</summary>
    public void Dispose() => socket.Dispose();

    private bool TryBegin(int number, params ReadOnlySpan<ulong> arguments)
    {
        Span<ulong> call = stackalloc ulong[WordsOfCall];
        call[0] = (uint)number;
        arguments.CopyTo(call[1..]);
        return TrySend(call);
    }

    private bool TrySend(ReadOnlySpan<ulong> words)
    {
        ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes(words);
        SysResult put = SysFiles.Write(socket, bytes);
        return put.IsOk && put.Value == bytes.Length;
    }

    private bool TryEnd(out SysResult result)
    {
        Span<byte> bytes = stackalloc byte[sizeof(long)];
        SysResult got = SysFiles.Read(socket, bytes);
        bool isWhole = got.IsOk && got.Value == bytes.Length;
        result = isWhole ? SysResult.FromKernelValue(BitConverter.ToInt64(bytes)) : default;
        return isWhole;
    }
}
