using Ioasis.Abi;
using Ioasis.Linux.Files;
using Ioasis.Memory;

namespace Ioasis.Linux.Memory;

/// <summary>
/// Bytes of a file that are mapped into our own process, shared with everyone who has the file. They stay until
/// disposed of.
/// </summary>
internal sealed class MappedFile : SharedBytes, IDisposable
{
    private int _disposed;

    private MappedFile(nint address, ulong length) : base(address, length)
    {
    }

    ~MappedFile() => Dispose();

    /// <summary>
    /// Maps <paramref name="length"/> bytes of a file from <paramref name="offset"/> on, which is page-aligned.
    /// </summary>
    public static Errno TryMap(FileDescriptor file, ulong offset, ulong length, bool writable, out MappedFile? mapped)
    {
        int protection = SysMemory.PROT_READ | (writable ? SysMemory.PROT_WRITE : 0);
        Errno errno = SysMemory.Map(file, offset, length, protection, SysMemory.MAP_SHARED, out nint address);
        mapped = errno == Errno.None ? new MappedFile(address, length) : null;
        return errno;
    }

    /// <summary>Takes the mapping away. Nothing may use the bytes any more.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0) SysMemory.Unmap(Address, Length);
        GC.SuppressFinalize(this);
    }
}
