using System.Runtime.InteropServices;
using Ioasis.Abi;

namespace Ioasis.Client;

/// <summary>
/// The common part of a node's typed clients: the open file, and ioctls with a struct in user memory as argument.
/// </summary>
public abstract class NodeClient : IDisposable, IAsyncDisposable
{
    private protected NodeClient(NodeTransport nodes, NodeHandle handle)
    {
        Nodes = nodes;
        Handle = handle;
    }

    /// <summary>The transport that opened the node.</summary>
    public NodeTransport Nodes { get; }

    /// <summary>The open node.</summary>
    public NodeHandle Handle { get; }

    /// <summary>
    /// Makes an ioctl and returns its result instead of throwing. Copies the struct to user memory and back.
    /// </summary>
    /// <param name="command">The request number.</param>
    /// <param name="arguments">The struct of linux/iommufd.h or linux/vfio.h, with its size field set.</param>
    public SysResult TryIoctl<T>(uint command, ref T arguments) where T : unmanaged =>
        TryIoctl(command, MemoryMarshal.AsBytes(new Span<T>(ref arguments)));

    /// <summary>Makes an ioctl on bytes: a struct with data after it, or one that is too long or too short.</summary>
    /// <param name="command">The request number.</param>
    /// <param name="arguments">The bytes, in and out.</param>
    public SysResult TryIoctl(uint command, Span<byte> arguments)
    {
        UserMemory memory = Nodes.Rent(arguments.Length);
        memory.CopyFrom(0, arguments);
        SysResult result = Handle.Ioctl(command, memory.Address.Value);
        memory.CopyTo(0, arguments);
        Nodes.Return(memory);
        return result;
    }

    /// <summary>Closes the node.</summary>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>As <see cref="Dispose()"/>, on a thread of the pool: the end of DMA that is under way can take
    /// time.</summary>
    public ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        return new ValueTask(Task.Run(Dispose));
    }

    /// <summary>Closes the node, once.</summary>
    protected virtual void Dispose(bool disposing)
    {
        if (disposing) Handle.Dispose();
    }

    /// <summary>Size of a struct in bytes, for its size field.</summary>
    internal static uint SizeOf<T>() where T : unmanaged
    {
        T value = default;
        return (uint)MemoryMarshal.AsBytes(new ReadOnlySpan<T>(ref value)).Length;
    }
}
