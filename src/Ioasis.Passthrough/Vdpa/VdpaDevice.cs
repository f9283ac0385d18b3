using Ioasis.Core.Dma;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Pasids;
using Ioasis.Devices.Slots;
using Ioasis.Devices.Virtio;
using Ioasis.Iommufd.Objects;
using Ioasis.Memory;

namespace Ioasis.Passthrough.Vdpa;

/// <summary>
/// A virtio device on the vDPA bus (Linux: struct vdpa_device). Each of its address spaces is a part of its endpoint,
/// told apart by a PASID.
/// </summary>
internal sealed class VdpaDevice : IVirtioTransport, IDisposable
{
    /// <summary>The name of its nodes' driver in /proc/devices.</summary>
    internal const string DriverName = "vhost-vdpa";

    private readonly DmaHandle[] _handles; // of the address spaces
    private readonly uint[] _pasids; // that the address spaces' requests carry
    private readonly int[] _asids; // of the groups
    private readonly VdpaEvents _events;
    private readonly SlotInjection _injection;

    /// <summary>Plugs a model in.</summary>
    /// <param name="name">Its name on the bus.</param>
    /// <param name="model">The model.</param>
    /// <param name="endpoint">Its place behind an IOMMU.</param>
    /// <param name="pasids">A PASID for each address space.</param>
    internal VdpaDevice(string name, VirtioDeviceModel model, Endpoint endpoint, IReadOnlyList<Pasid> pasids)
    {
        Name = name;
        Endpoint = endpoint;
        _handles = [.. pasids.Select(pasid => new DmaHandle(endpoint, this, pasid))];
        _pasids = [.. pasids.Select(pasid => pasid.Value)];
        _asids = new int[model.Function.Groups];
        _injection = new SlotInjection(endpoint);
        _events = new VdpaEvents(model.Function.Queues.Count);
        Slot = new VirtioSlot(model, this);
        MaxQueueSize = model.Function.Queues.Min(queue => queue.MaxSize);
    }

    /// <summary>Its name on the bus.</summary>
    internal string Name { get; }

    /// <summary>Its node while its driver has it; null else. The machine sets it.</summary>
    internal VhostVdpaNode? Node { get; set; }

    /// <summary>Its place behind an IOMMU.</summary>
    internal Endpoint Endpoint { get; }

    /// <summary>The device itself.</summary>
    internal VirtioSlot Slot { get; }

    /// <summary>
    /// Whether entries of the IOTLB are the owner's addresses, looked up at each access (Linux: use_va). Else they are
    /// pages, which are pinned.
    /// </summary>
    internal bool UsesVirtualAddresses { get; init; }

    /// <summary>
    /// The PASIDs of the machine, if the device gets one for its owner's memory without being told; else null.
    /// </summary>
    internal PasidSpace? OwnerPasids { get; init; }

    /// <summary>
    /// The thread that looks at doorbells, if programs can map them and notifications carry data; null: they cannot.
    /// </summary>
    internal BarPoller? DoorbellPoller { get; init; }

    /// <summary>Drivers put data into notifications only where they can map doorbells.</summary>
    public ulong TransportFeatures => DoorbellPoller is null ? 0 : VirtioFeatures.NotificationData;

    /// <summary>Number of queues.</summary>
    internal int Queues => Slot.Function.Queues.Count;

    /// <summary>The most entries that every queue can have.</summary>
    internal int MaxQueueSize { get; }

    /// <summary>Number of groups.</summary>
    internal int Groups => _asids.Length;

    /// <summary>The PASID that requests of an address space carry at this moment.</summary>
    internal Pasid PasidOf(int asid) => new(Volatile.Read(ref _pasids[asid]));

    /// <summary>Number of address spaces.</summary>
    internal int AddressSpaces => _handles.Length;

    /// <summary>Whether the device may do DMA.</summary>
    internal bool IsRunning => (Slot.Status & VirtioStatus.DriverOk) != 0;

    /// <summary>The eventfds of its driver.</summary>
    internal VdpaEvents Events => _events;

    /// <summary>The device is reset. Its groups go back to address space 0.</summary>
    internal void Reset()
    {
        Slot.SetStatus(VirtioStatus.None);
        Array.Clear(_asids);
    }

    /// <summary>A group uses another address space when the device starts the next time.</summary>
    internal void SetAsid(int group, int asid) => Volatile.Write(ref _asids[group], asid);

    /// <summary>
    /// The requests of an address space carry another PASID when the device starts the next time; null: its own.
    /// </summary>
    internal void SetPasid(int asid, Pasid? pasid) =>
        Volatile.Write(ref _pasids[asid], (pasid ?? _handles[asid].DefaultPasid)!.Value.Value);

    /// <summary>An address space as a part of the endpoint.</summary>
    internal DmaHandle HandleOf(int asid) => _handles[asid];

    /// <inheritdoc/>
    public DmaPort OpenPort(int group) =>
        Endpoint.OpenPort(defaultPasid: new Pasid(Volatile.Read(ref _pasids[Volatile.Read(ref _asids[group])])));

    /// <inheritdoc/>
    public void SignalQueue(int queue)
    {
        for (int times = _injection.Interrupts(); times > 0; times--) _events.SignalQueue(queue);
    }

    /// <inheritdoc/>
    public void SignalConfig()
    {
        for (int times = _injection.Interrupts(); times > 0; times--) _events.SignalConfig();
    }

    /// <summary>Unplugs the model. Every node of it is closed.</summary>
    public void Dispose() => Slot.Dispose();
}
