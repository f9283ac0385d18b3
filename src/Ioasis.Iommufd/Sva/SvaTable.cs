using Ioasis.Abi;
using Ioasis.Core.Units;
using Ioasis.Iommufd.Objects;

namespace Ioasis.Iommufd.Sva;

/// <summary>
/// The page table of a PASID, of any kind. It has a HWPT for each device. Disposed when no device is attached any more.
/// The caller holds the lock of the <see cref="SvaFileContext"/>.
/// </summary>
internal abstract class SvaTable : IDisposable
{
    /// <summary>The HWPT to attach a device to.</summary>
    /// <returns>The error if there is none for this device.</returns>
    internal abstract Errno TryGet(IommufdDevice device, out IommufdHwpt? hwpt);

    /// <summary>The first stage that a user owns; null if there is none.</summary>
    internal virtual HwptNested? Nested => null;

    /// <summary>Invalidates caches of its first stage.</summary>
    internal Errno Invalidate(UserDataArray entries, out int done)
    {
        done = 0;
        return Nested is { } nested
            ? nested.NestedDomain.Invalidate(entries, out done).ToErrno()
            : Errno.EINVAL.Because("the PASID is not bound to a guest's table, which alone is invalidated");
    }

    /// <summary>Releases what it holds.</summary>
    public abstract void Dispose();
}
