using System.Diagnostics;
using Ioasis.Core.Dma;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Memory;
using Ioasis.Units.Vtd;

namespace Ioasis.Bench;

/// <summary>Time and memory per object when there are many. Baseline: a tenth as many, so that growth shows.</summary>
internal static class ScaleBenchmark
{
    private const ulong Page = 4096, Area = 1UL << 30;

    internal static IEnumerable<Comparison> Run()
    {
        foreach ((string name, Func<int, object> make, int count) in ((string, Func<int, object>, int)[])
            [("domain", Domains, 10_000), ("device with a port", Devices, 1_000),
                ("PASID of one device", Pasids, (int)Pasid.MaxValue), ("GiB mapped", Areas, 400)])
        {
            make(count / 100); // warms up the compiler
            (double time, double bytes) = Measure(make, count);
            (double fewTime, double fewBytes) = Measure(make, count / 10);
            yield return new Comparison($"{name}, of {count}", One(time), "a tenth as many", One(fewTime));
            yield return new Comparison($"{name}, of {count}", One(bytes), "a tenth as many", One(fewBytes), "bytes");
        }
    }

    private static Series One(double value) => new(value, value);

    private static (double Time, double Bytes) Measure(Func<int, object> make, int count)
    {
        long before = GC.GetTotalMemory(forceFullCollection: true), start = Stopwatch.GetTimestamp();
        object made = make(count);
        double time = Stopwatch.GetElapsedTime(start).TotalNanoseconds / count;
        double bytes = (GC.GetTotalMemory(forceFullCollection: true) - before) / (double)count;
        GC.KeepAlive(made);
        return (time, bytes);
    }

    private static VtdUnit NewUnit() => new("dmar0", new VtdFeatures());

    private static Endpoint NewEndpoint(VtdUnit unit, int number) =>
        new(new RequesterId(0, (byte)(number >> 8), (byte)(number >> 3 & 31), (byte)(number & 7)), unit,
            new IommuGroup(number))
        {
            Features = new EndpointFeatures { PasidBits = 20 },
        };

    private static PagingDomain NewDomain(Endpoint endpoint)
    {
        endpoint.Unit.CreatePagingDomain(endpoint, PagingDomainOptions.Pasid, null, new MappingTable(Page),
            out PagingDomain? domain);
        return domain!;
    }

    private static object Domains(int count)
    {
        Endpoint endpoint = NewEndpoint(NewUnit(), 0);
        return Enumerable.Range(0, count).Select(_ => NewDomain(endpoint)).ToArray();
    }

    private static object Devices(int count)
    {
        VtdUnit unit = NewUnit();
        PagingDomain domain = NewDomain(NewEndpoint(unit, 0));
        return Enumerable.Range(1, count).Select(i =>
        {
            Endpoint endpoint = NewEndpoint(unit, i);
            endpoint.Attach(null, domain, null, out _);
            return endpoint.OpenPort();
        }).ToArray();
    }

    private static object Pasids(int count)
    {
        Endpoint endpoint = NewEndpoint(NewUnit(), 0);
        PagingDomain domain = NewDomain(endpoint);
        using DmaPort port = endpoint.OpenPort();
        for (uint pasid = 1; pasid <= (uint)count; pasid++) endpoint.Attach(new Pasid(pasid), domain, null, out _);
        return endpoint;
    }

    /// <summary>Areas of 1 GiB each, over the same memory: 262,144 pages.</summary>
    private static object Areas(int count)
    {
        var memory = new OwnAddressSpace();
        var table = new MappingTable(Page);
        HostBlock block = memory.Allocate(Page);
        for (ulong i = 1; i <= (ulong)count; i++)
        {
            MemoryBacking backing = memory.Reference(new Hva((ulong)block.Address), Area, writable: true);
            table.Map(new IovaRange(i * Area, (i * Area) + Area - 1), new Said(backing, block.Address), 0,
                MapAccess.ReadWrite);
        }

        return (table, block);
    }

    /// <summary>Memory that pretends to be at an address.</summary>
    private sealed class Said(MemoryBacking inner, nint address)
        : MemoryBacking(inner.Length, writable: true, (ulong)address)
    {
        public override nint DirectAddress => address;

        public override bool TryPopulate(ulong offset, ulong length) => true;

        public override bool TryRead(ulong offset, Span<byte> destination) => inner.TryRead(offset, destination);

        public override bool TryWrite(ulong offset, ReadOnlySpan<byte> source) => inner.TryWrite(offset, source);
    }
}
