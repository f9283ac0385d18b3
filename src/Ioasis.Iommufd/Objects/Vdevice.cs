namespace Ioasis.Iommufd.Objects;

/// <summary>A device with the ID by which a guest knows it (Linux: struct iommufd_vdevice).</summary>
public sealed class Vdevice : IommufdObject
{
    private readonly ObjectTable _objects;
    private readonly IommufdViommu _viommu;
    private readonly Action _removed;

    /// <param name="objects">The context's objects.</param>
    /// <param name="viommu">The vIOMMU of the guest.</param>
    /// <param name="device">The device.</param>
    /// <param name="virtualId">The guest's ID for it.</param>
    internal Vdevice(ObjectTable objects, IommufdViommu viommu, IommufdDevice device, ulong virtualId)
    {
        _objects = objects;
        _viommu = viommu;
        _removed = () => { if (IsAdded) viommu.Remove(this); };
        Device = device;
        VirtualId = virtualId;
        objects.AddUser(viommu);
    }

    /// <summary>The vIOMMU of the guest.</summary>
    internal IommufdViommu Viommu => _viommu;

    /// <summary>The device.</summary>
    public IommufdDevice Device { get; }

    /// <summary>The guest's ID for it.</summary>
    public ulong VirtualId { get; }

    /// <summary>Whether the vIOMMU knows it.</summary>
    internal bool IsAdded { get; set; }

    internal override void Destroy()
    {
        Device.Vdevice.Clear(_removed);
        _objects.RemoveUser(_viommu);
    }
}
