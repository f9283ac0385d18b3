using Ioasis.Abi;

namespace Ioasis.Iommufd.Ioctls;

/// <summary>An ioctl of /dev/iommu that a plug-in brings; see <see cref="IommufdIoctl{T}"/>.</summary>
public abstract class IommufdIoctl
{
    private protected IommufdIoctl()
    {
    }

    internal abstract IoctlEntry Describe(IommufdIoctlAttribute attribute);
}

/// <summary>
/// An ioctl of /dev/iommu that a plug-in brings. Its structure begins with its size; it is read by the rules that hold
/// for all of them before <see cref="Execute"/> is called. <see cref="IommufdIoctlAttribute"/> gives it its number.
/// </summary>
/// <typeparam name="T">The structure, laid out as C has it.</typeparam>
public abstract class IommufdIoctl<T> : IommufdIoctl where T : unmanaged
{
    /// <summary>
    /// Serves a call. Calls of several threads come at once; whatever a program passes, the answer is a result, never
    /// an exception.
    /// </summary>
    /// <param name="call">Whose it is, and the way to write the structure back.</param>
    /// <param name="args">The structure, zero where the program's is shorter.</param>
    public abstract SysResult Execute(IoctlCall call, ref T args);

    internal sealed override IoctlEntry Describe(IommufdIoctlAttribute attribute) =>
        new PluginEntry<T>(attribute, this);
}
