using Ioasis.Abi;
using Ioasis.Core.Endpoints;
using Ioasis.Memory;

namespace Ioasis.Iommufd.Objects;

/// <summary>
/// A device that a driver (VFIO, mdev, vDPA) bound to a context (Linux: struct iommufd_device). The driver holds it; programs name
/// it by <see cref="IommufdObject.Id"/>.
/// </summary>
public sealed class IommufdDevice
{
    /// <summary>The object's number in its context.</summary>
    public uint Id => throw new NotImplementedException();

    /// <summary>The function that was bound.</summary>
    public Endpoint Endpoint => throw new NotImplementedException();

    /// <summary>Binds a device and claims DMA of its group for the context (Linux: iommufd_device_bind).</summary>
    public static Errno Bind(IommufdContext context, Endpoint endpoint, out IommufdDevice? device) => throw new NotImplementedException();

    /// <summary>
    /// Attaches the device, or one of its PASIDs, to a page table: an IOAS (a suitable HWPT is then found or made) or a HWPT. Attached
    /// already, it is moved there without a gap, by <see cref="Replace"/> (Linux: iommufd_device_attach).
    /// </summary>
    /// <param name="pasid">Null for the device's requests without PASID.</param>
    /// <param name="pageTableId">IOAS or HWPT; on success the HWPT.</param>
    public Errno Attach(Pasid? pasid, ref uint pageTableId) => throw new NotImplementedException();

    /// <summary>Moves an attached device to another page table (Linux: iommufd_device_replace).</summary>
    public Errno Replace(Pasid? pasid, ref uint pageTableId) => throw new NotImplementedException();

    /// <summary>Detaches; its DMA is blocked when this returns (Linux: iommufd_device_detach). It must be attached.</summary>
    public void Detach(Pasid? pasid) => throw new NotImplementedException();

    /// <summary>Gives the device back (Linux: iommufd_device_unbind). Nothing is attached any more.</summary>
    public void Unbind() => throw new NotImplementedException();
}
