using Ioasis.Abi;
using Ioasis.Iommufd.Files;
using Ioasis.Memory;

namespace Ioasis.Host.Recording;

/// <summary>An open node of the kernel beneath, which serves its calls.</summary>
/// <param name="shapes">What its ioctls are called and what their arguments lead to.</param>
/// <param name="hasMessages">Whether what is written to it is a message, whatever the file position.</param>
internal sealed class SystemFile(Func<uint, IoctlShape?> shapes, bool hasMessages) : NodeFile
{
    /// <summary>Whether what is written to it is a message, whatever the file position.</summary>
    public bool HasMessages => hasMessages;

    /// <inheritdoc/>
    public override IoctlShape? ShapeOf(uint command) => shapes(command);

    /// <inheritdoc/>
    public override SysResult Ioctl(ICaller caller, uint command, ulong argument) =>
        throw new NotSupportedException("The kernel serves this file.");

    /// <inheritdoc/>
    public override void Close()
    {
    }
}

/// <summary>A queue that an ioctl of the kernel beneath made.</summary>
/// <param name="name">What Linux calls it.</param>
internal sealed class SystemQueue(string name) : QueueFile
{
    /// <inheritdoc/>
    public override string Name => name;

    /// <inheritdoc/>
    public override bool IsReadable => false;

    /// <inheritdoc/>
    public override int TryTake(Span<byte> room) => 0;

    /// <inheritdoc/>
    public override void Close()
    {
    }
}

/// <summary>An eventfd of a traced program, which calls only name.</summary>
internal sealed class NamedEvent : IEventFile
{
    public static NamedEvent Instance { get; } = new();

    public void Signal()
    {
    }

    public Errno Listen(object listener, Action raised, out IDisposable? listening)
    {
        listening = null;
        return Errno.ENOMEM;
    }

    public Errno Watch(object listener, Action raised, out IDisposable? watching) =>
        Listen(listener, raised, out watching);

    public void Dispose()
    {
    }
}

/// <summary>A file in memory of a traced program, which calls only name.</summary>
internal sealed class NamedMemory : IMemoryFile
{
    public static NamedMemory Instance { get; } = new();

    public Errno Reference(ulong start, ulong length, bool writable, out MemoryBacking? backing)
    {
        backing = null;
        return Errno.EMFILE;
    }
}
