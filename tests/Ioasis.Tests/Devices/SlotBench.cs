using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Devices;
using Ioasis.Devices.Slots;
using Ioasis.Memory;
using Ioasis.Tests.Core;

namespace Ioasis.Tests.Devices;

/// <summary>A model in a slot behind an IOMMU, its BARs mapped if asked, its interrupts counted.</summary>
internal sealed class SlotBench : IDisposable, IInterruptTarget
{
    private readonly DmaBench _bench;
    private readonly List<HostBlock> _mapped = [];
    private int _messages;
    private int _failures;
    private readonly bool _ownsPoller;
    private int _lastVector = -1;

    internal SlotBench(
        PciDeviceModel model, bool attached = true, BarPoller? poller = null, DmaBench? bench = null)
    {
        _bench = bench ?? new DmaBench();
        Poller = poller ?? new BarPoller();
        _ownsPoller = poller is null;
        Endpoint = _bench.NewEndpoint();
        Domain = _bench.NewDomain();
        if (attached) Endpoint.Attach(null, Domain);
        Slot = new PciSlot(model, Endpoint, Poller) { Target = this };
    }

    /// <summary>
    /// Plugs in the model of a parent's subdevice: its ports are bound to a PASID, which has a domain of its own.
    /// </summary>
    internal SlotBench(PciDeviceModel model, SlotBench parent, Pasid pasid, EndpointFeatures? features = null)
    {
        _bench = parent._bench;
        Poller = parent.Poller;
        Endpoint = parent.Endpoint;
        Domain = _bench.NewDomain();
        Endpoint.Attach(pasid, Domain);
        Part = new EndpointPart(Endpoint, pasid, features);
        Slot = new PciSlot(model, Part, Poller) { Target = this };
    }

    internal BarPoller Poller { get; }

    internal PciSlot Slot { get; }

    internal Endpoint Endpoint { get; }

    /// <summary>The part of the function that the model is; null for all of it.</summary>
    internal EndpointPart? Part { get; }

    internal PagingDomain Domain { get; }

    public bool MessagesEnabled { get; set; } = true;

    internal int Messages => Volatile.Read(ref _messages);

    internal int LastVector => Volatile.Read(ref _lastVector);

    internal int Failures => Volatile.Read(ref _failures);

    internal int LineRises { get; private set; }

    internal PagingDomain NewDomain() => _bench.NewDomain();

    internal (IovaRange Range, HostBlock Block) Map(
        PagingDomain domain, ulong iova, byte fill, ulong length = 0x1000) => _bench.Map(domain, iova, length, fill);

    internal (IovaRange Range, HostBlock Block) Map(ulong iova, ulong length, byte fill,
        MapAccess access = MapAccess.ReadWrite) =>
        _bench.Map(Domain, iova, length, fill, access);

    /// <summary>Maps a BAR as a program would: what it returns are the program's bytes.</summary>
    internal HostBlock MapBar(int bar)
    {
        var bytes = new HostBlock(Slot.Function.Bars.Single(b => b.Index == bar).Size);
        _mapped.Add(bytes);
        Assert.True(Slot.TryWatch() && Slot.TryMapBar(bar, bytes));
        return bytes;
    }

    internal static void Until(Func<bool> condition) =>
        Assert.True(SpinWait.SpinUntil(condition, TimeSpan.FromSeconds(20)), "It never came.");

    public bool RaiseMessage(int vector)
    {
        if (!MessagesEnabled) return false;
        Volatile.Write(ref _lastVector, vector);
        Interlocked.Increment(ref _messages);
        return true;
    }

    public void LineChanged(bool asserted)
    {
        if (asserted) LineRises++;
    }

    public void Failed() => Interlocked.Increment(ref _failures);

    public void Dispose()
    {
        Slot.TakeBarsBack();
        Slot.Dispose();
        if (_ownsPoller) Poller.Dispose();
        foreach (HostBlock bytes in _mapped) bytes.Dispose();
    }
}
