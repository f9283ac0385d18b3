using Ioasis.Abi;
using Ioasis.Iommufd.Objects;
using Ioasis.Memory;

namespace Ioasis.MockIommu.Devices;

/// <summary>
/// A device with its driver, made by the test program in a context and gone with its object there (Linux: struct
/// selftest_obj). It is bound and attached from the beginning.
/// </summary>
internal sealed class SelftestDevice(IommufdContext context) : DriverObject
{
    // Held while the device's page tables change, so that each PASID is known to be attached or not. Taken before all
    // locks of iommufd's.
    private readonly Lock _lock = new();
    private readonly HashSet<Pasid> _pasids = [];
    private IommufdDevice? _device;

    /// <summary>What the device is to iommufd.</summary>
    internal IommufdDevice Device => _device ?? throw new InvalidOperationException("The device is not bound yet.");

    /// <summary>Makes the device, binds it and attaches it to a page table.</summary>
    internal Errno Bind(uint flags, ref uint pageTableId)
    {
        Errno errno = IommufdDevice.Bind(context, MockDevice.Create(flags), out _device, keepsContext: false);
        return errno == Errno.None ? Device.Attach(null, ref pageTableId) : errno;
    }

    /// <summary>Moves the device to another page table.</summary>
    internal Errno Replace(ref uint pageTableId)
    {
        lock (_lock) return Device.Replace(null, ref pageTableId);
    }

    /// <summary>Attaches a PASID, or the device itself, which PASID 0 means.</summary>
    internal Errno Attach(uint pasid, ref uint pageTableId)
    {
        if (!Pasid.TryCreate(pasid, out Pasid id)) return Device.RefusePasid(pageTableId);
        lock (_lock)
        {
            Errno errno = Device.Attach(OrNone(id), ref pageTableId);
            if (errno == Errno.None) _pasids.Add(id);
            return errno;
        }
    }

    /// <summary>Moves a PASID to another page table.</summary>
    internal Errno Replace(uint pasid, ref uint pageTableId)
    {
        if (!Pasid.TryCreate(pasid, out Pasid id)) return Device.RefusePasid(pageTableId);
        lock (_lock) return Device.Replace(OrNone(id), ref pageTableId);
    }

    /// <summary>Detaches a PASID; not attached, nothing happens.</summary>
    internal void Detach(uint pasid)
    {
        if (!Pasid.TryCreate(pasid, out Pasid id)) return;
        lock (_lock)
        {
            Device.Detach(OrNone(id));
            _pasids.Remove(id);
        }
    }

    /// <summary>PASIDs are detached too: a device that is unbound has nothing attached.</summary>
    protected override void Release()
    {
        if (_device is null) return;
        foreach (Pasid pasid in _pasids) _device.Detach(OrNone(pasid));
        _device.Detach(null);
        _device.Unbind();
    }

    private static Pasid? OrNone(Pasid pasid) => pasid.Value == 0 ? null : pasid;
}
