using System.Diagnostics;
using Ioasis.Core.Dma;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Units;
using Ioasis.Memory;
using Ioasis.Units.Vtd;

namespace Ioasis.Bench;

/// <summary>
/// <c>port.Read</c> of 64 bytes at random pages: with few pages every access hits the port's IOTLB, with many nearly every one misses it
/// and walks. The C does no more than look up and copy: no permission of the requester, no safety against an unmap.
/// </summary>
internal static class DmaBenchmark
{
    private const int Reads = 1 << 21, Sequence = 1 << 16;
    private const ulong Page = 4096, Base = 0x4000_0000;

    internal static IEnumerable<Comparison> Run(int rounds)
    {
        string translate = Baselines.Program("translate");
        foreach ((int pages, string what) in ((int, string)[])[(64, "hit"), (1024, "miss"), (65536, "miss")])
        {
            string baseline = what == "hit" ? "software TLB hit, then memcpy of 64 bytes" : "4-level walk, then memcpy of 64 bytes";
            using var bench = new Reader(pages);
            bench.Round(); // let the compiler see the loop
            bench.Round();
            List<double> ours = [], theirs = [];
            for (int round = 0; round < rounds; round++)
            {
                ours.Add(bench.Round());
                theirs.Add(Baselines.Measure(translate, $"{pages}")[baseline]);
            }

            yield return new Comparison($"port.Read of 64 bytes, {what}, {pages} mappings", Series.Of(ours), baseline, Series.Of(theirs));
        }
    }

    private sealed class Reader : IDisposable
    {
        private readonly OwnAddressSpace _memory = new();
        private readonly DmaPort _port;
        private readonly ulong[] _iovas = new ulong[Sequence];
        private readonly byte[] _buffer = new byte[64];

        internal Reader(int pages)
        {
            IommuUnit unit = new VtdUnit("dmar0", new VtdFeatures());
            var endpoint = new Endpoint(new RequesterId(0, 0, 3, 0), unit, new IommuGroup(0)) { BusMaster = true };
            var table = new MappingTable(Page);
            unit.CreatePagingDomain(endpoint, PagingDomainOptions.None, null, table, out PagingDomain? domain);
            endpoint.Attach(null, domain);
            HostBlock block = _memory.Allocate((ulong)pages * Page);
            for (ulong i = 0; i < (ulong)pages; i++)
            {
                MemoryBacking backing = _memory.Reference(new Hva((ulong)block.Address + (i * Page)), Page, writable: true);
                backing.TryPopulate();
                table.Map(new IovaRange(Base + (i * Page), Base + (i * Page) + Page - 1), backing, 0, MapAccess.ReadWrite);
            }

            var random = new Random(1);
            for (int i = 0; i < Sequence; i++) _iovas[i] = Base + ((ulong)random.Next(pages) * Page) + ((ulong)random.Next(64) * 64);
            _port = endpoint.OpenPort();
        }

        internal double Round()
        {
            long start = Stopwatch.GetTimestamp();
            for (int i = 0; i < Reads; i++)
            {
                if (!_port.Read(new Iova(_iovas[i & (Sequence - 1)]), _buffer).IsOk)
                    throw new InvalidOperationException("A read that must succeed failed.");
            }

            return Stopwatch.GetElapsedTime(start).TotalNanoseconds / Reads;
        }

        public void Dispose() => _port.Dispose();
    }
}
