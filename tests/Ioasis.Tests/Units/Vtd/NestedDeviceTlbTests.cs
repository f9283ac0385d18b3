using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Core;
using Ioasis.Core.Dma;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Faults;
using Ioasis.Core.Units;
using Ioasis.Memory;
using Ioasis.Units.Vtd;

namespace Ioasis.Tests.Units.Vtd;

/// <summary>
/// A device that keeps what a first stage made of its addresses. The unit here keeps nothing, so that whatever is stale
/// is the device's.
/// </summary>
public sealed class NestedDeviceTlbTests : IDisposable
{
    private const ulong Page = 4096, Iova = 0x7000, Present = 0x27, Root = 0, Leaf = 3 * Page, Data = 4 * Page;
    private static readonly EndpointFeatures s_features = new() { PasidBits = 20, Ats = true, PageRequests = 8 };
    private readonly OwnAddressSpace _memory = new();
    private readonly VtdUnit _unit = new("dmar0", new VtdFeatures { IotlbEntries = 0, StructureEntries = 0 });
    private readonly PagingDomain _parent;
    private readonly HostBlock _guest;
    private readonly IovaRange[] _mappings; // one for each page of the guest
    private readonly Endpoint _endpoint;
    private readonly NestedDomain _nested;
    private readonly DmaPort _with;
    private readonly DmaPort _without;

    public NestedDeviceTlbTests()
    {
        _endpoint = NewEndpoint(3);
        Assert.Equal(IommuStatus.Ok, _unit.CreatePagingDomain(_endpoint, PagingDomainOptions.NestParent, null,
                new MappingTable(Page), out PagingDomain? parent));
        _parent = parent!;
        _guest = _memory.Allocate(16 * Page);
        _mappings = [.. Enumerable.Range(0, 16).Select(MapGuestPage)];
        for (ulong table = 0; table < 3; table++) _guest.Write(table * Page, ((table + 1) * Page) | Present);
        for (ulong page = 0; page < 8; page++)
        {
            Point(page, page);
            _guest.Write(Data + (page * Page), (byte)(0x10 + page));
        }

        _nested = NewNested();
        Assert.Equal(IommuStatus.Ok, _endpoint.Attach(null, _nested));
        _with = _endpoint.OpenPort(translations: 16);
        _with.UsesDeviceTlb = true;
        _without = _endpoint.OpenPort();
    }

    public void Dispose()
    {
        _with.Dispose();
        _without.Dispose();
    }

    [Fact]
    public void AStaleTranslationLivesExactlyUntilItsAddressIsInvalidated()
    {
        Assert.Equal(0x12, Read(_with, 2));
        Assert.Equal(0x13, Read(_with, 3));
        Point(2, 5);
        Point(3, 6);
        Assert.Equal(0x15, Read(_without, 2));
        Assert.Equal((0x12, 0x13), (Read(_with, 2), Read(_with, 3)));
        Invalidate(4, 2); // neither of them
        Assert.Equal((0x12, 0x13), (Read(_with, 2), Read(_with, 3)));
        Invalidate(3, 1);
        Assert.Equal((0x12, 0x16), (Read(_with, 2), Read(_with, 3)));
        Invalidate(0, ulong.MaxValue);
        Assert.Equal(0x15, Read(_with, 2));
        Assert.True(_with.DeviceTlb!.Invalidations >= 2);
    }

    [Fact]
    public void EachAttachedDeviceAndPASIDIsReached()
    {
        Endpoint other = NewEndpoint(4);
        using DmaPort port = other.OpenPort(translations: 16);
        port.UsesDeviceTlb = true;
        var pasid = new Pasid(77);
        Assert.Equal(IommuStatus.Ok, other.Attach(pasid, _nested));
        NestedDomain apart = NewNested();
        Assert.Equal(IommuStatus.Ok, other.Attach(new Pasid(78), apart));
        Assert.Equal((0x11, 0x11, 0x11), (Read(_with, 1), Read(port, 1, pasid), Read(port, 1, new Pasid(78))));
        Point(1, 4);
        Invalidate(1, 1);
        Assert.Equal((0x14, 0x14), (Read(_with, 1), Read(port, 1, pasid)));
        Assert.Equal(0x11, Read(port, 1, new Pasid(78))); // of another first stage, which nobody invalidated
    }

    [Fact]
    public void TheSecondStageIsNeverStale()
    {
        Assert.Equal(0x12, Read(_with, 2));
        _parent.Mappings.Unmap(_mappings[6]); // where page 2 of the data is
        Assert.Equal(0, _with.DeviceTlb!.Count);
        Assert.Equal(FaultReason.NotMapped, Try(_with, 2));
        MapGuestPage(6);
        Assert.Equal(0x12, Read(_with, 2));
        _endpoint.Attach(null, null);
        Assert.Equal(FaultReason.NotAttached, Try(_with, 2));
        Point(2, 5);
        _endpoint.Attach(null, _nested);
        Assert.Equal(0x15, Read(_with, 2)); // and nothing is left of the attachment before
    }

    /// <summary>After each invalidation returned the device reads by the table as it was then.</summary>
    [Fact]
    public void WhenAnInvalidationReturnsNoAccessUsesWhatWasBefore()
    {
        bool stop = false;
        long reads = 0, stale = 0;
        int oldest = 0; // the data page that was pointed at before the last invalidation, by its order
        var engine = new Thread(() =>
        {
            Span<byte> word = stackalloc byte[8];
            while (!Volatile.Read(ref stop))
            {
                int before = Volatile.Read(ref oldest);
                if (!_with.Read(new Iova(Iova), word).IsOk || BitConverter.ToInt32(word) < before)
                    Interlocked.Increment(ref stale);
                Interlocked.Increment(ref reads);
            }
        });
        _guest.Write(Data + (7 * Page), 0);
        engine.Start();
        for (int round = 1; round < 2000 || Interlocked.Read(ref reads) < 2000; round++)
        {
            // Two pages by turns; the one that is not pointed at gets the next number before it is.
            ulong page = (ulong)(6 + (round % 2));
            _guest.Write(Data + (page * Page), round);
            Point(7, page);
            Invalidate(7, 1);
            Volatile.Write(ref oldest, round);
        }

        Volatile.Write(ref stop, true);
        engine.Join();
        Assert.Equal(0, stale);
        Assert.True(_with.DeviceTlb!.Hits > 0);
    }

    private void Point(ulong page, ulong data) =>
        _guest.Write(Leaf + (page * 8), (Data + (data * Page)) | Present | 0x40);

    private IovaRange MapGuestPage(int page)
    {
        MemoryBacking backing = _memory.Reference(new Hva((ulong)_guest.Address + ((ulong)page * Page)), Page,
            writable: true);
        Assert.True(backing.TryPopulate());
        var range = new IovaRange((ulong)page * Page, ((ulong)page * Page) + Page - 1);
        _parent.Mappings.Map(range, backing, 0, MapAccess.ReadWrite);
        return range;
    }

    private Endpoint NewEndpoint(byte slot) =>
        new(new RequesterId(0, 0, slot, 0), _unit, new IommuGroup(slot)) { Features = s_features };

    private NestedDomain NewNested()
    {
        var config = new IommuHwptVtdS1 { PgtblAddr = Root, AddrWidth = 48 };
        Assert.Equal(IommuStatus.Ok, _unit.CreateNestedDomain(_parent, PagingDomainOptions.Pasid,
                new One<IommuHwptVtdS1>(config), out NestedDomain? nested));
        return nested!;
    }

    private void Invalidate(ulong page, ulong count)
    {
        var entry = new IommuHwptVtdS1Invalidate { Addr = page * Page, Npages = count };
        Assert.Equal(IommuStatus.Ok, _nested.Invalidate(new Many<IommuHwptVtdS1Invalidate>(entry), out int done));
        Assert.Equal(1, done);
    }

    private static FaultReason Try(DmaPort port, ulong page) => port.Read(new Iova(page * Page), new byte[1]).Reason;

    private static byte Read(DmaPort port, ulong page, Pasid? pasid = null)
    {
        var one = new byte[1];
        var iova = new Iova(page * Page);
        Assert.Equal(FaultReason.None, (pasid is { } id ? port.Read(id, iova, one) : port.Read(iova, one)).Reason);
        return one[0];
    }

    private sealed class One<TValue>(TValue value) : UserData where TValue : unmanaged
    {
        public override uint Type => IommufdH.IOMMU_HWPT_DATA_VTD_S1;

        public override IommuStatus TryRead<T>(uint type, int minimum, out T read)
        {
            read = MemoryMarshal.Read<T>(MemoryMarshal.AsBytes(new ReadOnlySpan<TValue>(in value)));
            return IommuStatus.Ok;
        }

        public override IommuStatus TryWrite<T>(uint type, int minimum, in T written) => IommuStatus.NotSupported;
    }

    private sealed class Many<TValue>(TValue value) : UserDataArray where TValue : unmanaged
    {
        public override uint Type => IommufdH.IOMMU_HWPT_INVALIDATE_DATA_VTD_S1;

        public override int Count => 1;

        public override IommuStatus TryRead<T>(uint type, int minimum, int index, out T read)
        {
            read = MemoryMarshal.Read<T>(MemoryMarshal.AsBytes(new ReadOnlySpan<TValue>(in value)));
            return IommuStatus.Ok;
        }

        public override IommuStatus TryReadAll<T>(uint type, Span<T> values) => IommuStatus.NotSupported;
    }
}
