using Ioasis.Abi;

namespace Ioasis.Iommufd.Files;

/// <summary>What a file descriptor of a caller stands for: one of our <see cref="NodeFile"/>s, an
/// <see cref="IEventFile"/>, an <see cref="IMemoryFile"/>, or something else that no ioctl of ours takes.</summary>
public interface IOpenFile
{
}

/// <summary>An eventfd of a caller (eventfd(2)).</summary>
public interface IEventFile : IOpenFile, IDisposable
{
    /// <summary>Adds 1 to its counter. Never blocks; a counter at its limit stays there.</summary>
    void Signal();

    /// <summary>
    /// Calls back whenever the counter was raised, from any side, and sets it to 0; at once when it already is. Until
    /// the answer is disposed. A call that is under way then may still end after that: who listens looks whether it
    /// still wants to know.
    /// </summary>
    /// <param name="listener">Who listens. What one listener does when it is called back holds up no other's
    /// calls.</param>
    /// <param name="raised">What to call.</param>
    /// <param name="listening">Ends it; null on an error.</param>
    /// <returns>ENOMEM: the host has not what it takes now; nothing has changed, and the next call tries
    /// again.</returns>
    Errno Listen(object listener, Action raised, out IDisposable? listening);

    /// <summary>
    /// Whether a program still has it open, so that it can be signalled. Slow: it may look through all processes.
    /// </summary>
    bool IsOpenElsewhere => true;
}

/// <summary>A file whose bytes can be mapped for DMA: a memfd, or a file on tmpfs or hugetlbfs.</summary>
public interface IMemoryFile : IOpenFile
{
    /// <summary>
    /// Names bytes of the file for DMA, with one reference for the caller of this method. Nothing is checked yet; that
    /// they lie within the file is found when the backing is populated.
    /// </summary>
    /// <param name="start">Byte offset in the file.</param>
    /// <param name="length">Bytes; start + length does not overflow.</param>
    /// <param name="writable">Whether devices may write them.</param>
    /// <param name="backing">The bytes, when the answer is <see cref="Abi.Errno.None"/>.</param>
    /// <returns>EACCES where the caller has no right to the file that a device would use for it; EPERM where nobody may
    /// write it; EMFILE.</returns>
    Abi.Errno Reference(ulong start, ulong length, bool writable, out Memory.MemoryBacking? backing);
}

/// <summary>A file that is none of those that our ioctls take.</summary>
public sealed class OtherFile : IOpenFile
{
    /// <summary>The only one; it has no state.</summary>
    public static OtherFile Instance { get; } = new();
}
