using Ioasis.Abi;

namespace Ioasis.Iommufd.Files;

/// <summary>
/// The file behind a caller's descriptor: one of our <see cref="NodeFile"/>s, an <see cref="IEventFile"/>, an
/// <see cref="IMemoryFile"/>, or a file that none of our ioctls accepts.
/// </summary>
public interface IOpenFile
{
}

/// <summary>An eventfd of a caller (eventfd(2)).</summary>
public interface IEventFile : IOpenFile, IDisposable
{
    /// <summary>Adds 1 to its counter. Never blocks. A counter at its limit stays there.</summary>
    void Signal();

    /// <summary>
    /// Calls back whenever anybody raises the counter, and resets it; at once if it is raised already. Ends when
    /// <paramref name="listening"/> is disposed; a call under way may still finish after that, so the callback checks
    /// whether it is still wanted.
    /// </summary>
    /// <param name="listener">The owner of the callback. Callbacks of one listener do not delay those of
    /// others.</param>
    /// <param name="raised">The callback.</param>
    /// <param name="listening">Ends the callbacks; null on an error.</param>
    /// <returns>
    /// ENOMEM if the host lacks the resources now. Nothing has changed then, and the next call tries again.
    /// </returns>
    Errno Listen(object listener, Action raised, out IDisposable? listening);

    /// <summary>
    /// As <see cref="Listen"/>, but leaves the counter as it is: only signals that come one soon after the other may
    /// give one callback.
    /// </summary>
    Errno Watch(object listener, Action raised, out IDisposable? watching);

    /// <summary>Whether a program still has it open and may signal it. Slow: may search all processes.</summary>
    bool IsOpenElsewhere => true;
}

/// <summary>A file whose bytes can be mapped for DMA: a memfd, or a file on tmpfs or hugetlbfs.</summary>
internal interface IMemoryFile : IOpenFile
{
    /// <summary>
    /// Names bytes of the file for DMA. The caller gets one reference. Whether they lie within the file is checked only
    /// when the backing is populated.
    /// </summary>
    /// <param name="start">Byte offset in the file.</param>
    /// <param name="length">Bytes; start + length does not overflow.</param>
    /// <param name="writable">Whether devices may write them.</param>
    /// <param name="backing">The bytes, if the result is <see cref="Abi.Errno.None"/>.</param>
    /// <returns>
    /// EACCES if the caller lacks the right to the file that a device would use; EPERM if nobody may write it; EMFILE.
    /// </returns>
    Abi.Errno Reference(ulong start, ulong length, bool writable, out Memory.MemoryBacking? backing);

    /// <summary>
    /// Populates bytes of the file and holds it once, without an object for the bytes. Null, with nothing held, if the
    /// file cannot be held so, or if <see cref="Reference"/> or populating would fail: it returns the error. May wait
    /// for memory: the caller holds no lock.
    /// </summary>
    /// <param name="start">Byte offset in the file, at a page.</param>
    /// <param name="length">Bytes, whole pages, not 0; start + length does not overflow.</param>
    /// <param name="writable">Whether devices may write them.</param>
    Memory.IHeldFile? TryHold(ulong start, ulong length, bool writable) => null;
}

/// <summary>A file that none of our ioctls accepts.</summary>
internal sealed class OtherFile : IOpenFile
{
    /// <summary>The one instance; it has no state.</summary>
    public static OtherFile Instance { get; } = new();
}
