using System.Collections.Concurrent;
using System.Text;
using Ioasis.Abi;
using Ioasis.Client.Linux;

namespace Ioasis.Client;

/// <summary>
/// A process's access to device nodes and sysfs, and the memory and files that it passes to ioctls. The same client
/// code works on a machine within this process (assembly Ioasis.InProcess) and on the nodes of the system
/// (<see cref="OfSystem"/>). Under <c>ioasis run</c> those are ours; otherwise they are the kernel's.
/// </summary>
public abstract class NodeTransport : IDisposable, IAsyncDisposable
{
    private const ulong ScratchLength = 4096;
    private readonly ConcurrentBag<UserMemory> _scratch = [];

    /// <summary>The kind of transport, in a word: <c>process</c> or <c>nodes</c>.</summary>
    public abstract string Name { get; }

    /// <summary>The nodes of the system that this process runs on.</summary>
    public static NodeTransport OfSystem() => new LinuxNodes();

    /// <summary>
    /// Whether ioctls and devices reach any memory of the process; if not, only what <see cref="Allocate"/> gives.
    /// </summary>
    internal virtual bool MapsAnyMemory => false;

    /// <summary>Opens a device node for reading and writing (open(2)).</summary>
    /// <param name="path">Its path, such as <c>/dev/iommu</c>.</param>
    /// <param name="handle">The open file, if the result is <see cref="Errno.None"/>.</param>
    public abstract Errno TryOpen(string path, out NodeHandle? handle);

    /// <summary>Takes over a descriptor that an ioctl returned.</summary>
    /// <param name="descriptor">The open descriptor. Nobody else owns it.</param>
    /// <param name="path">Its name in messages.</param>
    public abstract NodeHandle Adopt(int descriptor, string path);

    /// <summary>Opens a device node for reading and writing.</summary>
    /// <exception cref="IommuException">It cannot be opened.</exception>
    public NodeHandle Open(string path)
    {
        Errno errno = TryOpen(path, out NodeHandle? handle);
        return errno == Errno.None ? handle! : throw new IommuException(errno, $"open of {path}");
    }

    /// <summary>Allocates zeroed memory for ioctls and devices, followed by a page that is inaccessible.</summary>
    /// <param name="length">Bytes, not 0, rounded up to whole pages.</param>
    public abstract UserMemory Allocate(ulong length);

    /// <summary>Makes an event that interrupts can signal (eventfd(2)).</summary>
    public abstract UserEvent CreateEvent();

    /// <summary>Makes a file in memory that can be mapped for devices (memfd_create(2)).</summary>
    /// <param name="length">Bytes, not 0, a multiple of the page size.</param>
    public abstract UserFile CreateFile(ulong length);

    /// <summary>Reads a regular file of sysfs.</summary>
    public abstract Errno TryReadFile(string path, out byte[] content);

    /// <summary>Lists the names in a directory, sorted.</summary>
    public abstract Errno TryList(string path, out IReadOnlyList<string> names);

    /// <summary>The text of a sysfs attribute, without the newline at its end.</summary>
    /// <exception cref="IommuException">It cannot be read.</exception>
    public string ReadAttribute(string path)
    {
        Errno errno = TryReadFile(path, out byte[] content);
        return errno == Errno.None
            ? Encoding.UTF8.GetString(content).TrimEnd('\n')
            : throw new IommuException(errno, $"read of {path}");
    }

    /// <summary>Lists the names in a directory, sorted.</summary>
    /// <exception cref="IommuException">It cannot be read.</exception>
    public IReadOnlyList<string> List(string path)
    {
        Errno errno = TryList(path, out IReadOnlyList<string> names);
        return errno == Errno.None ? names : throw new IommuException(errno, $"list of {path}");
    }

    /// <summary>Finds the PCI functions that have a VFIO node, sorted by address.</summary>
    public IReadOnlyList<VfioNode> FindVfioNodes() => VfioNode.Find(this);

    /// <inheritdoc/>
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

    /// <summary>Ends the process in the machine's eyes: closes its descriptors and frees its memory.</summary>
    protected virtual void Dispose(bool disposing)
    {
        if (!disposing) return;
        while (_scratch.TryTake(out UserMemory? memory)) memory.Dispose();
    }

    /// <summary>Memory for the argument of one call. Give it back with <see cref="Return"/>.</summary>
    internal UserMemory Rent(int length) =>
        (ulong)length <= ScratchLength && _scratch.TryTake(out UserMemory? memory)
            ? memory
            : Allocate(Math.Max(ScratchLength, (ulong)length));

    internal void Return(UserMemory memory)
    {
        if (memory.Length == ScratchLength) _scratch.Add(memory); else memory.Dispose();
    }
}
