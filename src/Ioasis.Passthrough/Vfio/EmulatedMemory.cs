using Ioasis.Abi;
using Ioasis.Core.Walks;
using Ioasis.Iommufd;
using Ioasis.Iommufd.Objects;
using Ioasis.Memory;

namespace Ioasis.Passthrough.Vfio;

/// <summary>
/// The memory of the program that has an emulated device, as the device reaches it (Linux: vfio_pin_pages,
/// vfio_unpin_pages, vfio_dma_rw). It may be used from any thread; while the device is not bound, everything is
/// refused.
/// </summary>
/// <param name="unmapped">
/// Is told of each range that is being unmapped, first address and length, and unpins what the device has pinned of it
/// before it returns; of everything when the device is detached (Linux: dma_unmap). It may be called while the device
/// is being bound, attached or detached, so it takes no lock under which the device waits for those. Null for a device
/// that pins nothing.
/// </param>
internal sealed class EmulatedMemory(Action<ulong, ulong>? unmapped = null) : IAccessOwner
{
    private const ulong PageSize = 4096;
    private volatile IommufdAccess? _access;

    /// <summary>The way to memory; null while the device is not bound.</summary>
    internal IommufdAccess? Access
    {
        get => _access;
        set => _access = value;
    }

    /// <summary>Always, as on Linux: what is mapped begins and ends at pages while the device is attached.</summary>
    public bool NeedsPinPages => true;

    /// <inheritdoc/>
    public void Unmap(ulong iova, ulong length) => unmapped?.Invoke(iova, length);

    /// <summary>
    /// Pins pages, so that they can be read and written until <see cref="Unpin"/>: all of them or none.
    /// </summary>
    /// <param name="iova">An address in the first page.</param>
    /// <param name="count">How many pages.</param>
    /// <param name="write">Whether they are to be written, rather than only read.</param>
    /// <param name="pages">The pages in ascending order, when the answer is <see cref="Errno.None"/>.</param>
    /// <returns>EINVAL for no pages, a device that is not bound or one that is not told of unmaps; else as
    /// <see cref="IommufdAccess.PinPages"/>.</returns>
    internal Errno Pin(ulong iova, uint count, bool write, out IReadOnlyList<PinnedPage> pages)
    {
        pages = [];
        if (unmapped is null || count == 0)
            return Errno.EINVAL.Because("no pages are named, or the driver does not say how it unpins");
        return Access?.PinPages(FirstOf(iova), count * PageSize, write, out pages)
            ?? Errno.EINVAL.Because("the device is attached to no IOAS");
    }

    /// <summary>Undoes one <see cref="Pin"/> of the very same pages.</summary>
    /// <exception cref="InvalidOperationException">They were not pinned together.</exception>
    internal void Unpin(ulong iova, uint count) => Access?.UnpinPages(FirstOf(iova), count * PageSize);

    /// <summary>Reads memory at any alignment.</summary>
    /// <returns>EINVAL for a device that is not bound; else as <see cref="IommufdAccess.Read"/>.</returns>
    internal Errno Read(ulong iova, Span<byte> destination) => Access?.Read(iova, destination)
        ?? Errno.EINVAL.Because("the device is attached to no IOAS");

    /// <summary>Writes memory at any alignment. What was written before an error stays.</summary>
    /// <returns>EINVAL for a device that is not bound; else as <see cref="IommufdAccess.Write"/>.</returns>
    internal Errno Write(ulong iova, ReadOnlySpan<byte> source) => Access?.Write(iova, source)
        ?? Errno.EINVAL.Because("the device is attached to no IOAS");

    /// <summary>What an access to an address would find.</summary>
    internal TranslationWalk Walk(Iova address, bool write) =>
        Access?.Walk(address, write) ?? TranslationWalk.OfNothing(address, write);

    private static ulong FirstOf(ulong iova) => iova & ~(PageSize - 1);
}
