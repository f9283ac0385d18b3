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

    public bool TryReceive(out long value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(long)];
        bool got = TryReceive(bytes);
        value = BitConverter.ToInt64(bytes);
        return got;
    }

    public void Dispose() => socket.Dispose();
}
