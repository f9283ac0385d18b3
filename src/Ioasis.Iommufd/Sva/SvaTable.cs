using Ioasis.Abi;
using Ioasis.Core.Units;
using Ioasis.Iommufd.Objects;

namespace Ioasis.Iommufd.Sva;

/// <summary>
/// The page table of a PASID, of whatever kind: it has a HWPT for each device. Disposed when no device is attached any
/// more. The lock of its <see cref="SvaContext"/> is held during each call.
/// </summary>
internal abstract class SvaTable : IDisposable
{
    /// <summary>The HWPT to attach a device to.</summary>
    /// <returns>Why there is none for this device.</returns>
    internal abstract Errno TryGet(IommufdDevice device, out Hwpt? hwpt);

    /// <summary>The first stage that a user owns; null when it has none.</summary>
    internal virtual HwptNested? Nested => null;

    /// <summary>Drops what caches hold of its first stage.</summary>
    internal Errno Invalidate(UserDataArray entries, out int done)
    {
        done = 0;
        return Nested is { } nested ? nested.NestedDomain.Invalidate(entries, out done).ToErrno() : Errno.EINVAL;
    }

    /// <summary>Gives back what it holds.</summary>
    public abstract void Dispose();
}
