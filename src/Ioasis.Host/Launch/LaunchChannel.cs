using Ioasis.Abi;
using Ioasis.Linux.Files;

namespace Ioasis.Host.Launch;

/// <summary>
/// The socket between supervisor and launcher. It carries whole messages; operations fail once the other side is gone.
/// </summary>
internal sealed class LaunchChannel(FileDescriptor socket) : IDisposable
{
    /// <summary>Sends all of the bytes.</summary>
    public bool TrySend(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            SysResult put = SysFiles.Write(socket, bytes);
            if (!put.IsOk) return false;
            bytes = bytes[(int)put.Value..];
        }

        return true;
    }

    /// <summary>Fills the buffer.</summary>
    public bool TryReceive(Span<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            SysResult got = SysFiles.Read(socket, bytes);
            if (!got.IsOk || got.Value == 0) return false;
            bytes = bytes[(int)got.Value..];
        }

        return true;
    }

    public bool TrySend(long value) => TrySend(BitConverter.GetBytes(value));

    /// <summary>Sends a number, and with it a descriptor of ours.</summary>
    public bool TrySendFile(long value, int file)
    {
        SysResult sent = SysMessages.SendFile(socket, BitConverter.GetBytes(value), file);
        return sent.IsOk && sent.Value == sizeof(long);
    }

    /// <summary>Receives a number, and the descriptor that came with it; null if none came.</summary>
    public bool TryReceiveFile(out long value, out FileDescriptor? file)
    {
        Span<byte> bytes = stackalloc byte[sizeof(long)];
        SysResult got = SysMessages.ReceiveFile(socket, bytes, out file);
        value = BitConverter.ToInt64(bytes);
        return got.IsOk && got.Value == sizeof(long);
    }

    public void Dispose() => socket.Dispose();
}
