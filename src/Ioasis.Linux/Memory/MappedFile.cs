using Ioasis.Abi;
using Ioasis.Linux.Files;
using Ioasis.Memory;

namespace Ioasis.Linux.Memory;

/// <summary>Bytes of a file, mapped shared into our own process until disposed.</summary>
internal sealed class MappedFile : SharedBytes, IDisposable
{
    private int _disposed;

    private MappedFile(nint address, ulong length) : base(address, length)
    {
    }

    ~MappedFile() => Dispose();

    /// <summary>
    /// Maps <paramref name="length"/> bytes of a file from <paramref name="offset"/> on, which must be page-aligned.
    /// </summary>
    public static Errno TryMap(FileDescriptor file, ulong offset, ulong length, bool writable, out MappedFile? mapped)
    {
        int protection = SysMemory.PROT_READ | (writable ? SysMemory.PROT_WRITE : 0);
        Errno errno = SysMemory.Map(file, offset, length, protection, SysMemory.MAP_SHARED, out nint address);
        mapped = errno == Errno.None ? new MappedFile(address, length) : null;
        return errno;
    }

    /// <summary>Unmaps the bytes. Nothing may use them any more.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0) SysMemory.Unmap(Address, Length);
        GC.SuppressFinalize(this);
    }
}
