using Ioasis.Core;
using Ioasis.Core.Dma;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Faults;
using Ioasis.Memory;

namespace Ioasis.Tests.Core;

/// <summary>The requester ID and any number of PASIDs of a device side by side.</summary>
public sealed class PasidTests
{
    private const ulong Iova = 0x10000;
    private readonly DmaBench _bench = new();

    [Fact]
    public void AllPASIDsOfADeviceAreInUseAtOnceAndReachEachItsOwnMemory()
    {
        Endpoint endpoint = _bench.NewEndpoint();
        using DmaPort port = endpoint.OpenPort();
        PagingDomain[] domains = [.. Enumerable.Range(0, 5).Select(i => NewDomain((byte)(0x10 + i)))];
        PagingDomain rid = NewDomain(0x77);
        Assert.Equal(IommuStatus.Ok, endpoint.Attach(null, rid));
        for (uint pasid = 1; pasid <= Pasid.MaxValue; pasid++)
            Assert.Equal(IommuStatus.Ok, endpoint.Attach(new Pasid(pasid), domains[pasid % 5]));

        for (uint pasid = 1; pasid <= Pasid.MaxValue; pasid += 509)
            Assert.Equal(0x10 + (pasid % 5), ReadBy(port, new Pasid(pasid)));
        Assert.Equal(0x10 + (Pasid.MaxValue % 5), ReadBy(port, new Pasid(Pasid.MaxValue)));
        Assert.Equal(0x77u, ReadBy(port, null));
        Assert.Equal(FaultReason.NotAttached, port.Read(new Pasid(0), new Iova(Iova), new byte[1]).Reason);

        // Every second one goes: only those are blocked, and the rest are where they were.
        for (uint pasid = 2; pasid <= Pasid.MaxValue; pasid += 2) endpoint.Attach(new Pasid(pasid), null);
        for (uint pasid = 1; pasid <= Pasid.MaxValue; pasid += 997)
        {
            if (pasid % 2 == 0)
                Assert.Equal(FaultReason.NotAttached, port.Read(new Pasid(pasid), new Iova(Iova), new byte[1]).Reason);
            else Assert.Equal(0x10 + (pasid % 5), ReadBy(port, new Pasid(pasid)));
        }

        for (uint pasid = 1; pasid <= Pasid.MaxValue; pasid += 2) endpoint.Attach(new Pasid(pasid), null);
        Assert.Equal(0x77u, ReadBy(port, null));
        Assert.Null(endpoint.AttachedTo(new Pasid(Pasid.MaxValue)));
    }

    [Fact]
    public void APortThatIsOpenedLaterLosesWhatIsUnmappedToo()
    {
        Endpoint endpoint = _bench.NewEndpoint();
        PagingDomain domain = _bench.NewDomain();
        (IovaRange range, _) = _bench.Map(domain, Iova, DmaBench.Page, 1);
        endpoint.Attach(new Pasid(70_000), domain);
        using DmaPort port = endpoint.OpenPort();
        Assert.Equal(1u, ReadBy(port, new Pasid(70_000)));
        domain.Mappings.Unmap(range);
        Assert.Equal(FaultReason.NotMapped, port.Read(new Pasid(70_000), new Iova(Iova), new byte[1]).Reason);
    }

    /// <summary>DMA of some PASIDs never fails while others of the same leaf and of others come and go.</summary>
    [Fact]
    public void OnePASIDComesAndGoesWhileOthersAreAtWork()
    {
        Endpoint endpoint = _bench.NewEndpoint();
        PagingDomain kept = NewDomain(0x33), changing = NewDomain(0x44), other = NewDomain(0x55);
        uint[] steady = [5, 6, 1023, 1024, 500_000];
        foreach (uint pasid in steady) endpoint.Attach(new Pasid(pasid), kept);
        uint[] moving = [7, 1022, 1025, 500_001, 777_777];
        bool stop = false;
        long wrong = 0, done = 0;
        Thread[] engines = [.. Enumerable.Range(0, 2).Select(_ => new Thread(() =>
        {
            using DmaPort port = endpoint.OpenPort();
            Span<byte> one = stackalloc byte[1];
            for (int i = 0; !Volatile.Read(ref stop); i++)
            {
                DmaResult result = port.Read(new Pasid(steady[i % steady.Length]), new Iova(Iova), one);
                if (!result.IsOk || one[0] != 0x33) Interlocked.Increment(ref wrong);
                one[0] = 0;
                result = port.Read(new Pasid(moving[i % moving.Length]), new Iova(Iova), one);
                if (result.IsOk ? one[0] is not (0x44 or 0x55) : result.Reason != FaultReason.NotAttached)
                    Interlocked.Increment(ref wrong);
                Interlocked.Increment(ref done);
            }
        }))];
        foreach (Thread engine in engines) engine.Start();
        for (int round = 0; round < 2000 || Interlocked.Read(ref done) < 2000; round++)
        {
            Pasid pasid = new(moving[round % moving.Length]);
            endpoint.Attach(pasid, changing);
            endpoint.Attach(pasid, other);
            endpoint.Attach(pasid, null);
        }

        Volatile.Write(ref stop, true);
        foreach (Thread engine in engines) engine.Join();
        Assert.Equal(0, Interlocked.Read(ref wrong));
    }

    /// <summary>Moving a PASID from one table to another leaves no moment at which it is attached to none.</summary>
    [Fact]
    public void AMoveHasNoGap()
    {
        Endpoint endpoint = _bench.NewEndpoint();
        PagingDomain[] domains = [NewDomain(1), NewDomain(2)];
        var pasid = new Pasid(1234);
        endpoint.Attach(pasid, domains[0]);
        bool stop = false;
        long failed = 0, done = 0;
        var engine = new Thread(() =>
        {
            using DmaPort port = endpoint.OpenPort();
            Span<byte> one = stackalloc byte[1];
            while (!Volatile.Read(ref stop))
            {
                if (!port.Read(pasid, new Iova(Iova), one).IsOk) Interlocked.Increment(ref failed);
                Interlocked.Increment(ref done);
            }
        });
        engine.Start();
        for (int round = 1; round < 2000 || Interlocked.Read(ref done) < 2000; round++)
            endpoint.Attach(pasid, domains[round % 2]);
        Volatile.Write(ref stop, true);
        engine.Join();
        Assert.Equal(0, Interlocked.Read(ref failed));
    }

    private static uint ReadBy(DmaPort port, Pasid? pasid)
    {
        var one = new byte[1];
        DmaResult result = pasid is { } id ? port.Read(id, new Iova(Iova), one) : port.Read(new Iova(Iova), one);
        Assert.Equal(FaultReason.None, result.Reason);
        return one[0];
    }

    private PagingDomain NewDomain(byte fill)
    {
        PagingDomain domain = _bench.NewDomain();
        _bench.Map(domain, Iova, DmaBench.Page, fill);
        return domain;
    }
}
