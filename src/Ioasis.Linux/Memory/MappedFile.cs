using Ioasis.Abi;
using Ioasis.Linux.Files;
using Ioasis.Memory;

namespace Ioasis.Linux.Memory;

/// <summary>Bytes of a file, mapped shared into our own process until disposed.</summary>
internal sealed class MappedFile : SharedBytes, IDisposable
{
    private const int NoGuard = -1;

    private FileDescriptor? _guarded;
    private int _guard = NoGuard;
    private int _disposed;

    private MappedFile(nint address, ulong length) : base(address, length)
    {
    }

    ~MappedFile() => Dispose();

    /// <summary>Whether a load or store of a page that the file has lost goes on, with a page of zeros.</summary>
    public bool IsGuarded => _guard != NoGuard;

    /// <summary>Whether no page was replaced by one of zeros.</summary>
    public bool IsIntact => !IsGuarded || GuardedViews.IsIntact(_guard);

    /// <summary>
    /// Maps <paramref name="length"/> bytes of a file from <paramref name="offset"/> on, which must be page-aligned.
    /// </summary>
    /// <param name="file">The file.</param>
    /// <param name="offset">The first byte's offset.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="writable">Whether they may be written.</param>
    /// <param name="mapped">The bytes, if the result is <see cref="Errno.None"/>.</param>
    /// <param name="reserve">Whether the host sets huge pages aside for all of them.</param>
    public static Errno TryMap(
        FileDescriptor file, ulong offset, ulong length, bool writable, out MappedFile? mapped, bool reserve = true)
    {
        int protection = SysMemory.PROT_READ | (writable ? SysMemory.PROT_WRITE : 0);
        int flags = SysMemory.MAP_SHARED | (reserve ? 0 : SysMemory.MAP_NORESERVE);
        Errno errno = SysMemory.Map(file, offset, length, protection, flags, out nint address);
        mapped = errno == Errno.None ? new MappedFile(address, length) : null;
        return errno;
    }

    /// <summary>
    /// Makes the bytes survive the loss of pages of their file, if the host permits it (<see cref="GuardedViews"/>).
    /// Called once, before anything uses them.
    /// </summary>
    /// <param name="file">The file.</param>
    /// <param name="offset">The first byte's offset.</param>
    /// <param name="pageSize">Size of the file's pages.</param>
    public void Guard(FileDescriptor file, ulong offset, ulong pageSize)
    {
        bool held = false;
        file.DangerousAddRef(ref held); // the handler of faults uses the descriptor
        _guard = GuardedViews.Add(Address, Length, pageSize, file, offset);
        if (IsGuarded) _guarded = file;
        else file.DangerousRelease();
    }

    /// <summary>Unmaps the bytes. Nothing may use them any more.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            if (IsGuarded) GuardedViews.Remove(_guard);
            _guarded?.DangerousRelease();
            SysMemory.Unmap(Address, Length);
        }

        GC.SuppressFinalize(this);
    }
}
