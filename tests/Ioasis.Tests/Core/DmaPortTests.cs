using Ioasis.Core;
using Ioasis.Core.Dma;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Faults;
using Ioasis.Core.Walks;
using Ioasis.Memory;

namespace Ioasis.Tests.Core;

public class DmaPortTests
{
    private protected readonly DmaBench _bench = new();

    [Fact]
    public void AnAccessReachesTheMemoryThatIsMappedThere()
    {
        (DmaPort port, PagingDomain domain) = Attached();
        (_, HostBlock block) = _bench.Map(domain, 0x10000, 0x2000, 0x5a);
        byte[] data = new byte[0x2000];
        Assert.True(port.Read(new Iova(0x10000), data).IsOk);
        Assert.All(data, b => Assert.Equal(0x5a, b));

        Assert.True(port.Write(new Iova(0x10ffe), [1, 2, 3, 4]).IsOk); // across a page
        byte[] back = new byte[4];
        block.CopyTo(0xffe, back);
        Assert.Equal([1, 2, 3, 4], back);
    }

    [Fact]
    public void WhereBytesAreIsKnownWhileThePortKeepsTheirTranslation()
    {
        (DmaPort port, PagingDomain domain) = Attached();
        (IovaRange range, HostBlock block) = _bench.Map(domain, 0x10000, 0x2000, 0);
        Assert.Equal(0, port.HintOf(new Iova(0x10008)));
        Assert.True(port.Read(new Iova(0x10000), new byte[8]).IsOk);
        Assert.Equal(block.Address + 8, port.HintOf(new Iova(0x10008)));
        domain.Mappings.Unmap(range);
        Assert.Equal(0, port.HintOf(new Iova(0x10008)));
        Assert.Empty(_bench.Unit.Faults.Snapshot());
    }

    [Fact]
    public void AnAccessSpansMappingsThatLieSideBySide()
    {
        (DmaPort port, PagingDomain domain) = Attached();
        _bench.Map(domain, 0x1000, 0x1000, 1);
        _bench.Map(domain, 0x2000, 0x1000, 2);
        byte[] data = new byte[32];
        Assert.True(port.Read(new Iova(0x1ff0), data).IsOk);
        Assert.Equal(Enumerable.Repeat((byte)1, 16).Concat(Enumerable.Repeat((byte)2, 16)), data);
        DmaResult result = port.Read(new Iova(0x2ff0), data);
        Assert.Equal((FaultReason.NotMapped, 16), Told(result));
    }

    [Fact]
    public void EveryReasonToRefuseIsToldAndRecorded()
    {
        Endpoint endpoint = _bench.NewEndpoint();
        using DmaPort port = endpoint.OpenPort();
        PagingDomain domain = _bench.NewDomain();
        _bench.Map(domain, 0x1000, 0x1000, 1, MapAccess.Read);
        _bench.Map(domain, 0x2000, 0x1000, 1, MapAccess.Write);
        byte[] data = new byte[8];

        Assert.Equal(FaultReason.NotAttached, port.Read(new Iova(0x1000), data).Reason);
        endpoint.Attach(null, domain);
        Assert.Equal(FaultReason.NotMapped, port.Read(new Iova(0x3000), data).Reason);
        Assert.Equal(FaultReason.NoPermission, port.Write(new Iova(0x1000), data).Reason);
        Assert.True(port.Read(new Iova(0x1000), data).IsOk);
        Assert.Equal(FaultReason.NoPermission, port.Write(new Iova(0x1000), data).Reason); // from the IOTLB as well
        Assert.True(port.Write(new Iova(0x2000), data).IsOk);
        Assert.Equal(FaultReason.NoPermission, port.Read(new Iova(0x2000), data).Reason);
        Assert.Equal(FaultReason.BeyondAddressWidth, port.Read(new Iova(1UL << 48), data).Reason);
        Assert.Equal(FaultReason.BeyondAddressWidth, port.Read(new Iova(ulong.MaxValue - 3), data).Reason);
        Assert.Equal(FaultReason.NotAttached, port.Read(new Pasid(7), new Iova(0x1000), data).Reason);
        endpoint.Block = SendBlock.BusMasterDisabled;
        Assert.Equal(FaultReason.BusMasterDisabled, port.Read(new Iova(0x1000), data).Reason);

        IReadOnlyList<FaultRecord> faults = _bench.Unit.Faults.Snapshot();
        Assert.Equal(
            [FaultReason.NotAttached, FaultReason.NotMapped, FaultReason.NoPermission, FaultReason.NoPermission,
                FaultReason.NoPermission,
             FaultReason.BeyondAddressWidth, FaultReason.BeyondAddressWidth, FaultReason.NotAttached,
             FaultReason.BusMasterDisabled],
            faults.Select(f => f.Reason));
        Assert.Equal(
            new FaultRecord(3, new DmaFault(endpoint.Id, null, new Iova(0x1000), true, FaultReason.NoPermission,
                new FaultSyndrome((ushort)FaultReason.NoPermission))), faults[2]);
        Assert.Equal(new Pasid(7), faults[7].Pasid);
    }

    [Fact]
    public void ARequesterAndItsPasidsHaveTablesOfTheirOwn()
    {
        Endpoint endpoint = _bench.NewEndpoint();
        using DmaPort port = endpoint.OpenPort();
        PagingDomain[] domains = [_bench.NewDomain(), _bench.NewDomain(), _bench.NewDomain()];
        for (int i = 0; i < domains.Length; i++) _bench.Map(domains[i], 0x1000, 0x1000, (byte)(10 + i));
        endpoint.Attach(null, domains[0]);
        endpoint.Attach(new Pasid(1), domains[1]);
        endpoint.Attach(new Pasid(0xfffff), domains[2]);

        byte[] data = new byte[1];
        for (int round = 0; round < 3; round++) // the same IOTLB entry each time
        {
            Assert.True(port.Read(new Iova(0x1000), data).IsOk);
            Assert.Equal(10, data[0]);
            Assert.True(port.Read(new Pasid(1), new Iova(0x1000), data).IsOk);
            Assert.Equal(11, data[0]);
            Assert.True(port.Read(new Pasid(0xfffff), new Iova(0x1000), data).IsOk);
            Assert.Equal(12, data[0]);
        }

        endpoint.Attach(new Pasid(1), null);
        Assert.Equal(FaultReason.NotAttached, port.Read(new Pasid(1), new Iova(0x1000), data).Reason);
        Assert.True(port.Read(new Iova(0x1000), data).IsOk);
    }

    [Fact]
    public void ADeviceThatIsNoPciFunctionHasANameAndItsOwnersReasonNotToSend()
    {
        var endpoint = new Endpoint(new DeviceId("platform.0"), _bench.Unit, new IommuGroup(77));
        using DmaPort port = endpoint.OpenPort();
        PagingDomain domain = _bench.NewDomain();
        _bench.Map(domain, 0x1000, DmaBench.Page, 7);
        Assert.Equal(IommuStatus.Ok, endpoint.Attach(null, domain, null, out _));
        Assert.True(port.Read(new Iova(0x1000), new byte[8]).IsOk); // nothing blocks it from the start
        endpoint.Block = new SendBlock("its clock is off");
        Assert.Equal(FaultReason.SendBlocked, port.Read(new Iova(0x1000), new byte[8]).Reason);
        FaultRecord record = Assert.Single(_bench.Unit.Faults.Snapshot());
        Assert.Equal((endpoint.Id, FaultReason.SendBlocked), (record.Device, record.Reason));
        var walk = TranslationWalk.Of(endpoint, null, new Iova(0x1000), write: false);
        Assert.Equal((FaultReason.SendBlocked, "its clock is off"), (walk.Reason, walk.Steps[^1].Says));
        endpoint.Block = null;
        Assert.True(port.Read(new Iova(0x1000), new byte[8]).IsOk);
    }

    [Fact]
    public void NothingThatWasCachedOutlivesUnmapDetachReplaceOrABlock()
    {
        Endpoint endpoint = _bench.NewEndpoint();
        using DmaPort port = endpoint.OpenPort();
        PagingDomain first = _bench.NewDomain(), second = _bench.NewDomain();
        (IovaRange range, _) = _bench.Map(first, 0x1000, 0x1000, 1);
        _bench.Map(first, 0x5000, 0x1000, 1);
        _bench.Map(second, 0x1000, 0x1000, 2);
        byte[] data = new byte[1];
        endpoint.Attach(null, first);
        Assert.True(port.Read(new Iova(0x1000), data).IsOk);
        Assert.Equal(1, data[0]);

        endpoint.Attach(null, second);
        Assert.True(port.Read(new Iova(0x1000), data).IsOk);
        Assert.Equal(2, data[0]);
        Assert.Equal(FaultReason.NotMapped, port.Read(new Iova(0x5000), data).Reason);

        endpoint.Attach(null, first);
        Assert.True(port.Read(new Iova(0x1000), data).IsOk);
        first.Mappings.Unmap(range);
        Assert.Equal(FaultReason.NotMapped, port.Read(new Iova(0x1000), data).Reason);

        Assert.True(port.Read(new Iova(0x5000), data).IsOk);
        endpoint.Block = SendBlock.BusMasterDisabled;
        Assert.Equal(FaultReason.BusMasterDisabled, port.Read(new Iova(0x5000), data).Reason);
        endpoint.Block = null;
        Assert.True(port.Read(new Iova(0x5000), data).IsOk);
        endpoint.Attach(null, null);
        Assert.Equal(FaultReason.NotAttached, port.Read(new Iova(0x5000), data).Reason);
    }

    [Fact]
    public void TwoMappingsOfTwoKibibytesInOneHostPageAreToldApart()
    {
        var bench = new DmaBench { Unit = new TestUnit(0x800) };
        Endpoint endpoint = bench.NewEndpoint();
        using DmaPort port = endpoint.OpenPort();
        PagingDomain domain = bench.NewDomain(0x800);
        endpoint.Attach(null, domain);
        bench.Map(domain, 0x1000, 0x800, 1);
        bench.Map(domain, 0x1800, 0x800, 2, MapAccess.Read);
        byte[] data = new byte[4];
        for (int round = 0; round < 2; round++)
        {
            Assert.True(port.Read(new Iova(0x17fe), data).IsOk);
            Assert.Equal([1, 1, 2, 2], data);
            Assert.Equal((FaultReason.NoPermission, 2), Told(port.Write(new Iova(0x17fe), data)));
        }
    }

    [Fact]
    public void APortServesOneThreadAtATimeAndNobodyOnceClosed()
    {
        (DmaPort port, PagingDomain domain) = Attached();
        _bench.Map(domain, 0x1000, 0x1000, 1);
        port.Dispose();
        Assert.Throws<InvalidOperationException>(() => port.Read(new Iova(0x1000), new byte[1]));
    }

    [Fact]
    public void ARingOfFaultsKeepsTheNewestAndCountsAll()
    {
        Endpoint endpoint = _bench.NewEndpoint();
        using DmaPort port = endpoint.OpenPort();
        for (int i = 0; i < FaultLog.Capacity + 5; i++) port.Read(new Iova((ulong)i), new byte[1]);
        IReadOnlyList<FaultRecord> kept = _bench.Unit.Faults.Snapshot();
        Assert.Equal(FaultLog.Capacity, kept.Count);
        Assert.Equal(6, kept[0].Sequence);
        Assert.Equal(FaultLog.Capacity + 5, kept[^1].Sequence);
    }

    private (DmaPort Port, PagingDomain Domain) Attached()
    {
        Endpoint endpoint = _bench.NewEndpoint();
        PagingDomain domain = _bench.NewDomain();
        endpoint.Attach(null, domain);
        return (endpoint.OpenPort(), domain);
    }

    private static (FaultReason Reason, int BytesDone) Told(DmaResult result) => (result.Reason, result.BytesDone);
}
