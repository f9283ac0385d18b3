namespace Ioasis.Iommufd.Ioctls;

/// <summary>
/// Says which ioctl of /dev/iommu an <see cref="IommufdIoctl{T}"/> is, once its assembly was loaded as a plug-in. The
/// class has a public constructor without parameters.
/// </summary>
/// <param name="name">Its name in the header that programs include.</param>
/// <param name="number">The request number: of iommufd's type, without size and direction, and above the last of its
/// own (<c>_IO(IOMMUFD_TYPE, N)</c>).</param>
/// <param name="minimumSize">The end of the last field that the first version of its structure had, in bytes.</param>
[AttributeUsage(AttributeTargets.Class, Inherited = false)]
public sealed class IommufdIoctlAttribute(string name, uint number, uint minimumSize) : Attribute
{
    /// <summary>Its name in the header that programs include.</summary>
    public string Name => name;

    /// <summary>The request number.</summary>
    public uint Number => number;

    /// <summary>The end of the last field that the first version of its structure had, in bytes.</summary>
    public uint MinimumSize => minimumSize;
}
