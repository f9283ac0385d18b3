using Ioasis.Abi;
using Ioasis.Memory;

namespace Ioasis.Client;

/// <summary>
/// An open device node. Its calls are those of a C program, down to the addresses: what is wrong with them is the
/// node's to say.
/// </summary>
public abstract class NodeHandle : IDisposable
{
    private protected NodeHandle(string path) => Path = path;

    /// <summary>What was opened.</summary>
    public string Path { get; }

    /// <summary>The file descriptor, as an ioctl on another node takes it.</summary>
    public abstract int Descriptor { get; }

    /// <summary>ioctl(2).</summary>
    /// <param name="command">The request number.</param>
    /// <param name="argument">The third argument, mostly an address of <see cref="UserMemory"/>.</param>
    public abstract SysResult Ioctl(uint command, ulong argument);

    /// <summary>pread(2).</summary>
    public abstract SysResult Read(ulong offset, Hva buffer, ulong count);

    /// <summary>pwrite(2).</summary>
    public abstract SysResult Write(ulong offset, Hva buffer, ulong count);

    /// <summary>read(2), of a queue that an ioctl gave.</summary>
    public abstract SysResult Read(Hva buffer, ulong count);

    /// <summary>write(2), to a queue that an ioctl gave.</summary>
    public abstract SysResult Write(Hva buffer, ulong count);

    /// <summary>
    /// Waits until there is something to read (poll(2)); false when the time was over. A node always has.
    /// </summary>
    public abstract bool Wait(TimeSpan timeout);

    /// <summary>mmap(2), always readable.</summary>
    /// <param name="offset">Byte offset in the file, page-aligned.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="shared">MAP_SHARED, else MAP_PRIVATE.</param>
    /// <param name="writable">PROT_WRITE.</param>
    /// <param name="executable">PROT_EXEC.</param>
    /// <param name="region">The mapping, when the answer is <see cref="Errno.None"/>. It keeps the file open.</param>
    public abstract Errno TryMap(ulong offset, ulong length, bool shared, bool writable, bool executable,
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
