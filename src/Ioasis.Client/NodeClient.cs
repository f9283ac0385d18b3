using System.Runtime.InteropServices;
using Ioasis.Abi;

namespace Ioasis.Client;

/// <summary>
/// What typed clients of a node share: the open file, and ioctls whose argument is a struct in user memory.
/// </summary>
public abstract class NodeClient : IDisposable
{
    private protected NodeClient(NodeTransport nodes, NodeHandle handle)
    {
        Nodes = nodes;
        Handle = handle;
    }

    /// <summary>The process's way to the nodes.</summary>
    public NodeTransport Nodes { get; }

    /// <summary>The open node.</summary>
    public NodeHandle Handle { get; }

    /// <summary>
    /// An ioctl as it is: the struct goes to user memory, the call is made, and what stands there afterwards comes
    /// back.
    /// </summary>
    /// <param name="command">The request number.</param>
    /// <param name="arguments">The struct of linux/iommufd.h or linux/vfio.h, its size field set.</param>
    public SysResult TryIoctl<T>(uint command, ref T arguments) where T : unmanaged =>
        TryIoctl(command, MemoryMarshal.AsBytes(new Span<T>(ref arguments)));

    /// <summary>
    /// An ioctl as it is, on bytes: a struct with what follows it, or one that is too long or too short.
    /// </summary>
    /// <param name="command">The request number.</param>
    /// <param name="arguments">The bytes; what stands there afterwards comes back in them.</param>
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

    /// <summary>Closes the node, once.</summary>
    protected virtual void Dispose(bool disposing)
    {
        if (disposing) Handle.Dispose();
    }

    /// <summary>The bytes that a struct takes, for its size field.</summary>
    internal static uint SizeOf<T>() where T : unmanaged
    {
        T value = default;
        return (uint)MemoryMarshal.AsBytes(new ReadOnlySpan<T>(ref value)).Length;
    }
}
