namespace Ioasis.Iommufd.Ioctls;

/// <summary>
/// The number of an <see cref="IommufdIoctl{T}"/>, once its assembly is loaded as a plug-in. The class needs a public
/// constructor without parameters.
/// </summary>
/// <param name="name">Its name in the header that programs include.</param>
/// <param name="number">The request number: of iommufd's type, without size and direction, <c>_IO(IOMMUFD_TYPE, N)</c>
/// with N from 0xc0 to 0xff.</param>
/// <param name="minimumSize">The end, in bytes, of the last field that the first version of its structure had.</param>
[AttributeUsage(AttributeTargets.Class, Inherited = false)]
public sealed class IommufdIoctlAttribute(string name, uint number, uint minimumSize) : Attribute
{
    /// <summary>Its name in the header that programs include.</summary>
    public string Name => name;

    /// <summary>The request number.</summary>
    public uint Number => number;

    /// <summary>The end, in bytes, of the last field that the first version of its structure had.</summary>
    public uint MinimumSize => minimumSize;
}
