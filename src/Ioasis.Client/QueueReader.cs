using Ioasis.Abi;

namespace Ioasis.Client;

/// <summary>The file of a queue that an ioctl returned, and reads from it.</summary>
public abstract class QueueReader : IDisposable
{
    private readonly UserMemory _room;
    private readonly CancellationTokenSource _closed = new();

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
        _closed.Cancel();
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

    /// <summary>Reads the bytes in the queue, at least one; none when the queue is closed.</summary>
    /// <exception cref="IommuException">The queue cannot be read.</exception>
    /// <exception cref="OperationCanceledException">The wait was cancelled.</exception>
    private protected async ValueTask<byte[]> ReadBytesAsync(ulong most, CancellationToken cancellation)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, _closed.Token);
        while (!_closed.IsCancellationRequested)
        {
            try
            {
                await File.WaitAsync(either.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
            {
                break;
            }

            byte[] bytes = ReadBytes(most, TimeSpan.Zero);
            if (bytes.Length > 0) return bytes;
        }

        return [];
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
