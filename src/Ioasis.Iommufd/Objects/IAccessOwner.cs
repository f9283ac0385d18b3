namespace Ioasis.Iommufd.Objects;

/// <summary>A driver that uses an <see cref="IommufdAccess"/> (Linux: struct iommufd_access_ops).</summary>
public interface IAccessOwner
{
    /// <summary>
    /// Whether it pins pages. While such an access is attached, every mapping in the IOAS starts and ends at a page.
    /// </summary>
    bool NeedsPinPages { get; }

    /// <summary>
    /// Called when a range is being unmapped: on return, the owner must have unpinned all its pins in the range. It may
    /// also be called for ranges without pins, and several times for one range; for everything (0, 2^64 - 1) on a
    /// detach. No lock is held.
    /// </summary>
    /// <param name="iova">First address.</param>
    /// <param name="length">Bytes.</param>
    void Unmap(ulong iova, ulong length);
}
