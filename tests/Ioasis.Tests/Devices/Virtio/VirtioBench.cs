using Ioasis.Core.Dma;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Devices.Virtio;
using Ioasis.Memory;
using Ioasis.Tests.Core;

namespace Ioasis.Tests.Devices.Virtio;

/// <summary>
/// A virtio model in a slot behind an IOMMU, a page table for each group, with memory at <see cref="Base"/>.
/// </summary>
internal sealed class VirtioBench : IVirtioTransport, IDisposable
{
    internal const ulong Base = 0x1000000;
    internal const int Size = 0x400000;

    /// <summary>Room for data: the rings are before.</summary>
    internal const ulong Data = Base + 0x200000;

    /// <summary>Where nothing is mapped.</summary>
    internal const ulong Nowhere = 0x90000000;

    private readonly DmaBench _bench = new();
    private readonly Endpoint[] _endpoints;
    private readonly int[] _signals;
    private int _configSignals;

    internal VirtioBench(VirtioDeviceModel model)
    {
        _endpoints = [.. Enumerable.Range(0, model.Function.Groups).Select(_ => _bench.NewEndpoint())];
        Domains = [.. _endpoints.Select(_ => _bench.NewDomain())];
        for (int group = 0; group < Domains.Count; group++) _endpoints[group].Attach(null, Domains[group]);
        (_, Memory) = _bench.Map(Domains[0], Base, Size, 0);
        MemoryBacking backing = _bench.Memory.Reference(new Hva((ulong)Memory.Address), Size, writable: true);
        foreach (PagingDomain domain in Domains.Skip(1))
            domain.Mappings.Map(new IovaRange(Base, Base + Size - 1), backing, 0, MapAccess.ReadWrite);
        _signals = new int[model.Function.Queues.Count];
        Slot = new VirtioSlot(model, this);
    }

    internal VirtioSlot Slot { get; }

    internal HostBlock Memory { get; }

    /// <summary>The page table of each group.</summary>
    internal IReadOnlyList<PagingDomain> Domains { get; }

    internal int ConfigSignals => Volatile.Read(ref _configSignals);

    internal int Faults => _bench.Unit.Faults.Snapshot().Count;

    internal int SignalsOf(int queue) => Volatile.Read(ref _signals[queue]);

    internal (IovaRange Range, HostBlock Block) Map(int group, ulong iova, ulong length, MapAccess access) =>
        _bench.Map(Domains[group], iova, length, 0, access);

    /// <summary>Negotiates features and starts the device, with a driver's ring for each queue.</summary>
    internal DriverRing[] Start(ulong features, int size = 16, int? enabled = null)
    {
        Slot.SetStatus(VirtioStatus.Acknowledge | VirtioStatus.Driver);
        Assert.True(Slot.SetDriverFeatures(features));
        Slot.SetStatus(VirtioStatus.Acknowledge | VirtioStatus.Driver | VirtioStatus.FeaturesOk);
        DriverRing[] rings = [.. Enumerable.Range(0, _signals.Length).Select(q => NewRing(features, q, size))];
        for (int queue = 0; queue < (enabled ?? rings.Length); queue++) Set(queue, rings[queue]);
        Slot.SetStatus(VirtioStatus.Acknowledge | VirtioStatus.Driver | VirtioStatus.FeaturesOk
            | VirtioStatus.DriverOk);
        return rings;
    }

    /// <summary>Tells the device of a ring, and enables its queue.</summary>
    internal void Set(int queue, DriverRing ring)
    {
        Slot.SetSize(queue, ring.Size);
        Slot.SetAddresses(queue, ring.Descriptors, ring.Driver, ring.Device);
        Slot.SetBase(queue, ring.FirstBase);
        Slot.SetEnabled(queue, true);
    }

    internal DriverRing NewRing(ulong features, int queue, int size)
    {
        ulong at = Base + ((ulong)queue * 0x20000);
        Memory.CopyFrom(at - Base, new byte[0x20000]);
        return (features & VirtioFeatures.PackedRing) != 0
            ? new PackedDriver(Memory, Base, at, size, features)
            : new SplitDriver(Memory, Base, at, size, features);
    }

    internal byte[] Bytes(ulong at, int count)
    {
        byte[] bytes = new byte[count];
        Memory.CopyTo(at - Base, bytes);
        return bytes;
    }

    internal void Put(ulong at, ReadOnlySpan<byte> bytes) => Memory.CopyFrom(at - Base, bytes);

    public DmaPort OpenPort(int group) => _endpoints[group].OpenPort();

    public void SignalQueue(int queue) => Interlocked.Increment(ref _signals[queue]);

    public void SignalConfig() => Interlocked.Increment(ref _configSignals);

    public void Dispose() => Slot.Dispose();
}
