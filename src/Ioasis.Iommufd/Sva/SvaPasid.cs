using Ioasis.Abi;
using Ioasis.Iommufd.Objects;
using Ioasis.Memory;

namespace Ioasis.Iommufd.Sva;

/// <summary>
/// A PASID of a <see cref="SvaFileContext"/>: its page table, and the devices that send it. The caller holds the
/// context's lock.
/// </summary>
internal sealed class SvaPasid(Pasid pasid)
{
    private readonly HashSet<SvaRegistration> _devices = [];

    internal Pasid Pasid => pasid;

    /// <summary>Its page table; null while DMA with it is blocked.</summary>
    internal SvaTable? Table { get; private set; }

    /// <summary>Number of its process's bindings.</summary>
    internal int Binds { get; set; }

    /// <summary>Whether binding the process allocated it. It is then freed with the binding.</summary>
    internal bool IsOfBinding { get; init; }

    /// <summary>Gives it a page table and attaches all its devices to it. If one refuses, changes nothing.</summary>
    internal Errno Bind(SvaTable table)
    {
        List<SvaRegistration> attached = [];
        foreach (SvaRegistration device in _devices)
        {
            Errno errno = Attach(device, table);
            if (errno != Errno.None)
            {
                foreach (SvaRegistration done in attached) done.Device.Detach(pasid);
                return errno;
            }

            attached.Add(device);
        }

        Table = table;
        return Errno.None;
    }

    /// <summary>Takes its page table away. After it returns no device uses the table.</summary>
    internal void Unbind()
    {
        if (Table is not { } table) return;
        foreach (SvaRegistration device in _devices) device.Device.Detach(pasid);
        Table = null;
        table.Dispose();
    }

    internal Errno Add(SvaRegistration device)
    {
        Errno errno = Table is { } table ? Attach(device, table) : Errno.None;
        if (errno == Errno.None) _devices.Add(device);
        return errno;
    }

    internal void Remove(SvaRegistration device)
    {
        if (_devices.Remove(device) && Table is not null) device.Device.Detach(pasid);
    }

    private Errno Attach(SvaRegistration device, SvaTable table)
    {
        Errno errno = table.TryGet(device.Device, out IommufdHwpt? hwpt);
        return errno == Errno.None ? device.Device.Attach(pasid, hwpt!) : errno;
    }
}
