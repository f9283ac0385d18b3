namespace Ioasis.Iommufd.Objects;

/// <summary>A driver that uses an <see cref="IommufdAccess"/> (Linux: struct iommufd_access_ops).</summary>
public interface IAccessOwner
{
    /// <summary>
    /// Whether it pins pages. While such an access is attached, everything in the IOAS starts and ends at pages.
    /// </summary>
    bool NeedsPinPages { get; }

    /// <summary>
    /// A range is being unmapped: what the owner has pinned of it must be unpinned when this returns. It may also be
    /// told of ranges that it has nothing pinned of, and of one range several times; of all (0, 2^64 - 1) when it
    /// detaches. No lock is held.
    /// </summary>
    /// <param name="iova">The first address.</param>
    /// <param name="length">Bytes.</param>
    void Unmap(ulong iova, ulong length);
}
