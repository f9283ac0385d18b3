using Ioasis.Abi;

namespace Ioasis.Iommufd.Ioctls;

/// <summary>An ioctl of /dev/iommu from a plug-in; see <see cref="IommufdIoctl{T}"/>.</summary>
public abstract class IommufdIoctl
{
    private protected IommufdIoctl()
    {
    }

    internal abstract IoctlEntry Describe(IommufdIoctlAttribute attribute);
}

/// <summary>
/// An ioctl of /dev/iommu from a plug-in. Its structure begins with its size. It is read by the common rules before
/// <see cref="Execute"/> is called. <see cref="IommufdIoctlAttribute"/> sets its number.
/// </summary>
/// <typeparam name="T">The structure, with C's layout.</typeparam>
public abstract class IommufdIoctl<T> : IommufdIoctl where T : unmanaged
{
    /// <summary>
    /// Serves a call. Several threads call it at once. Whatever a program passes, the answer is a result, never an
    /// exception.
    /// </summary>
    /// <param name="call">The call: its caller, and how to write the structure back.</param>
    /// <param name="args">The structure. If the program's is shorter, the rest is zero.</param>
    public abstract SysResult Execute(IoctlCall call, ref T args);

    internal sealed override IoctlEntry Describe(IommufdIoctlAttribute attribute) =>
        new PluginEntry<T>(attribute, this);
}
