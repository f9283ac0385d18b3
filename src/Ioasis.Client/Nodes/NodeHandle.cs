using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Memory;

namespace Ioasis.Client;

/// <summary>
/// An open device node. Its calls are those of a C program, with addresses unchecked: the node reports what is wrong
/// with them.
/// </summary>
public abstract class NodeHandle : IDisposable
{
    private protected NodeHandle(string path) => Path = path;

    /// <summary>The path that was opened.</summary>
    public string Path { get; }

    /// <summary>The file descriptor, for ioctls on other nodes.</summary>
    public abstract int Descriptor { get; }

    /// <summary>ioctl(2).</summary>
    /// <param name="command">The request number.</param>
    /// <param name="argument">The third argument, mostly an address of <see cref="UserMemory"/>.</param>
    public abstract SysResult Ioctl(uint command, ulong argument);

    /// <summary>pread(2).</summary>
    public abstract SysResult Read(ulong offset, Hva buffer, ulong count);

    /// <summary>pwrite(2).</summary>
    public abstract SysResult Write(ulong offset, Hva buffer, ulong count);

    /// <summary>read(2), on a queue that an ioctl returned.</summary>
    public abstract SysResult Read(Hva buffer, ulong count);

    /// <summary>write(2), on a queue that an ioctl returned.</summary>
    public abstract SysResult Write(Hva buffer, ulong count);

    /// <summary>
    /// Waits until there is something to read (poll(2)); false on timeout. A node is always readable.
    /// </summary>
    public abstract bool Wait(TimeSpan timeout);

    /// <summary>As <see cref="Wait"/> without a limit, and without a thread that waits.</summary>
    /// <param name="cancellation">Ends the wait.</param>
    public abstract ValueTask WaitAsync(CancellationToken cancellation);

    /// <summary>The file descriptor as a handle; null for a file of a machine in this process.</summary>
    public virtual SafeHandle? SafeHandle => null;

    /// <summary>mmap(2).</summary>
    /// <param name="offset">Byte offset in the file, page-aligned.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="shared">MAP_SHARED, else MAP_PRIVATE.</param>
    /// <param name="readable">PROT_READ.</param>
    /// <param name="writable">PROT_WRITE.</param>
    /// <param name="executable">PROT_EXEC.</param>
    /// <param name="region">The mapping, if the result is <see cref="Errno.None"/>. It keeps the file open.</param>
    public abstract Errno TryMap(
        ulong offset, ulong length, bool shared, bool readable, bool writable, bool executable,
        out MappedRegion? region);

    /// <summary>close(2).</summary>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Closes the descriptor, once.</summary>
    protected abstract void Dispose(bool disposing);
}
