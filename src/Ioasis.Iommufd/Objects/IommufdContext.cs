using Ioasis.Abi;
using Ioasis.Iommufd.Files;

namespace Ioasis.Iommufd.Objects;

/// <summary>One open of /dev/iommu: the owner of all objects made through it (Linux: struct iommufd_ctx).</summary>
public sealed class IommufdContext : NodeFile
{
    /// <inheritdoc/>
    public override SysResult Ioctl(ICaller caller, uint command, ulong argument) => throw new NotImplementedException();

    /// <summary>
    /// Keeps the context alive beyond its close, as a bound device's file does (Linux: iommufd_ctx_get). Undone by <see cref="Release"/>.
    /// </summary>
    public void AddReference() => throw new NotImplementedException();

    /// <summary>Undoes one <see cref="AddReference"/>; with the last one after the close everything is given back.</summary>
    public void Release() => throw new NotImplementedException();

    /// <inheritdoc/>
    public override void Close() => throw new NotImplementedException();
}
