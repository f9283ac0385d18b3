using Ioasis.Abi;

namespace Ioasis.Client;

/// <summary>The file of a queue that an ioctl returned, and reads from it.</summary>
public abstract class QueueReader : IDisposable
{
    private readonly UserMemory _room;

    private protected QueueReader(NodeTransport nodes, NodeHandle file, ulong room)
    {
        ArgumentNullException.ThrowIfNull(nodes);
        ArgumentNullException.ThrowIfNull(file);
        File = file;
        _room = nodes.Allocate(room);
    }

    /// <summary>The open file, for raw calls.</summary>
    public NodeHandle File { get; }

    /// <summary>Closes the file. The queue itself stays until it is destroyed.</summary>
    public void Dispose()
    {
        File.Dispose();
        _room.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Reads the bytes in the queue; none on timeout.</summary>
    /// <exception cref="IommuException">The queue cannot be read.</exception>
    private protected byte[] ReadBytes(ulong most, TimeSpan timeout)
    {
        // From an empty queue, Linux's file reads 0 bytes and ours under run fails with EAGAIN.
        if (!File.Wait(timeout)) return [];
        SysResult got = File.Read(_room.Address, most);
        if (got.Errno == Errno.EAGAIN) return [];
        return got.IsOk
            ? _room.ToArray(0, (int)got.Value)
            : throw new IommuException(got, $"read of {File.Path}");
    }

    /// <summary>Writes bytes.</summary>
    /// <exception cref="IommuException">The write failed.</exception>
    private protected void WriteBytes(ReadOnlySpan<byte> bytes)
    {
        _room.CopyFrom(0, bytes);
        SysResult put = File.Write(_room.Address, (ulong)bytes.Length);
        if (!put.IsOk) throw new IommuException(put, $"write to {File.Path}");
    }
}
