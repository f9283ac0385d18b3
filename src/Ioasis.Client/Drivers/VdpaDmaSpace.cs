using Ioasis.Core;
using Ioasis.Core.DmaApi;
using Ioasis.Memory;

namespace Ioasis.Client.Drivers;

/// <summary>
/// An address space of a vDPA device as the DMA API's. It chooses IOVAs itself, within the range that
/// VHOST_VDPA_GET_IOVA_RANGE names, and maps and unmaps them by messages (VHOST_IOTLB_UPDATE, VHOST_IOTLB_INVALIDATE).
/// The queues of the groups that have the address space use what is mapped, rings included.
/// </summary>
public sealed class VdpaDmaSpace : NodeDmaSpace
{
    private VdpaDmaSpace(VdpaDevice device, int addressSpace)
        : base(device.Nodes, 0, [device.GetIovaRange()]) => (Device, AddressSpace) = (device, addressSpace);

    /// <summary>The device.</summary>
    public VdpaDevice Device { get; }

    /// <summary>The number of the address space.</summary>
    public int AddressSpace { get; }

    /// <summary>
    /// Takes the addresses of an address space. Nobody else may map there. The device must have an owner, and the
    /// backend feature VHOST_BACKEND_F_IOTLB_ASID for any address space but 0.
    /// </summary>
    /// <param name="device">The device. It must outlive what is mapped.</param>
    /// <param name="addressSpace">The number of the address space.</param>
    /// <exception cref="IommuException">The range of IOVAs cannot be read.</exception>
    public static VdpaDmaSpace Of(VdpaDevice device, int addressSpace = 0)
    {
        ArgumentNullException.ThrowIfNull(device);
        return new VdpaDmaSpace(device, addressSpace);
    }

    /// <inheritdoc/>
    /// <returns>BadMemory whatever the reason: vhost has one errno for all.</returns>
    protected internal override IommuStatus Map(in DmaRun run) => Statuses.Of(Device.TryMap(
        new Iova(run.Range.First), new Hva((ulong)run.Page), run.Range.Length, run.Access, AddressSpace));

    /// <inheritdoc/>
    private protected override void UnmapRange(Iova first, ulong length) => Device.Unmap(first, length, AddressSpace);
}
