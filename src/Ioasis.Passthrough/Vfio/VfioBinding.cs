using Ioasis.Abi;
using Ioasis.Iommufd.Objects;
using Ioasis.Iommufd.Sva;
using Ioasis.Memory;

namespace Ioasis.Passthrough.Vfio;

/// <summary>
/// A device bound to an iommufd context through one file, and what it is attached to (Linux: vfio/iommufd.c,
/// vfio_iommufd_physical_*). The device's lock for bindings is held during each call.
/// </summary>
internal sealed class VfioBinding
{
    // What is attached to a page table by its number, and (with a registration) what sends a PASID of a /dev/sva.
    private readonly Dictionary<uint, SvaRegistration?> _pasids = [];
    private bool _attached;

    private VfioBinding(VfioDeviceFile file, IommufdContext context, IommufdDevice device)
    {
        File = file;
        Context = context;
        Device = device;
    }

    internal VfioDeviceFile File { get; }

    internal IommufdContext Context { get; }

    internal IommufdDevice Device { get; }

    internal static Errno Create(VfioDeviceFile file, IommufdContext context, out VfioBinding? binding)
    {
        binding = null;
        Errno errno = IommufdDevice.Bind(context, file.Device.Endpoint, out IommufdDevice? device);
        if (errno != Errno.None) return errno;
        context.AddReference();
        binding = new VfioBinding(file, context, device!);
        return Errno.None;
    }

    internal Errno Attach(ref uint pageTable)
    {
        Errno errno = _attached ? Device.Replace(null, ref pageTable) : Device.Attach(null, ref pageTable);
        if (errno == Errno.None) _attached = true;
        return errno;
    }

    internal Errno Attach(uint pasid, ref uint pageTable)
    {
        if (pasid > int.MaxValue) return Errno.ENOSPC; // what Linux's allocator of IDs says of it
        if (!Pasid.TryCreate(pasid, out Pasid id)) return Device.RefusePasid(pageTable);
        if (_pasids.TryGetValue(pasid, out SvaRegistration? sva))
            return sva is null ? Device.Replace(Key(id), ref pageTable) : Errno.EBUSY;
        Errno errno = Device.Attach(Key(id), ref pageTable);
        if (errno == Errno.None) _pasids.Add(pasid, null);
        return errno;
    }

    internal Errno Attach(SvaContext sva, uint pasid)
    {
        if (_pasids.ContainsKey(pasid)) return Errno.EBUSY;
        Errno errno = sva.RegisterDeviceToPasid(Device, pasid, out SvaRegistration? registration);
        if (errno == Errno.None) _pasids.Add(pasid, registration);
        return errno;
    }

    internal void Detach()
    {
        if (!_attached) return;
        Device.Detach(null);
        _attached = false;
    }

    internal void Detach(uint pasid)
    {
        if (!_pasids.Remove(pasid, out SvaRegistration? sva)) return;
        if (sva is null) Device.Detach(Key(new Pasid(pasid)));
        else sva.Dispose();
    }

    /// <summary>Detaches everything, gives the device back and lets the context go.</summary>
    internal void Close()
    {
        foreach (uint pasid in _pasids.Keys.Order().ToArray()) Detach(pasid);
        Detach();
        Device.Unbind();
        Context.Release();
    }

    /// <summary>PASID 0 is the one of requests without PASID (Linux: IOMMU_NO_PASID).</summary>
    private static Pasid? Key(Pasid pasid) => pasid.Value == 0 ? null : pasid;
}
