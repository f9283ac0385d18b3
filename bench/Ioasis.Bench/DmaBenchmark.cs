using System.Diagnostics;
using Ioasis.Core.Dma;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Units;
using Ioasis.Memory;
using Ioasis.Units.Vtd;

namespace Ioasis.Bench;

/// <summary>
/// <c>port.Read</c> of 64 bytes at random pages, and its translation alone. With few pages every access hits the port's
/// IOTLB; with many, nearly every access misses it and walks. The C only looks up and copies: it checks no rights of
/// the requester, and is not safe against an unmap.
/// </summary>
internal static class DmaBenchmark
{
    private const double Hit = 2, Translation = 3, Miss = 2;

    internal static IEnumerable<Comparison> Run(int rounds)
    {
        string translate = Baselines.Program("translate");
        foreach ((int pages, bool hits) in ((int, bool)[])[(64, true), (1024, false), (65536, false), (1 << 20, false)])
        {
            (string what, string baseline) = hits ? ("hit", "software TLB hit") : ("miss", "4-level walk");
            string copying = $"{baseline}, then memcpy of 64 bytes";
            using var bench = new Reader(pages);
            List<double> reads = [], locates = [], reference = [], referenceCopying = [], stepping = [];
            Loop.Warm(bench.Read);
            Loop.Warm(bench.Locate);
            for (int round = 0; round < rounds; round++)
            {
                double read = Loop.Best(bench.Read), locate = Loop.Best(bench.Locate);
                Dictionary<string, double> theirs = Baselines.Measure(translate, $"{pages}");
                reads.Add(read);
                locates.Add(locate);
                reference.Add(theirs[baseline]);
                referenceCopying.Add(theirs[copying]);
                stepping.Add(theirs["the same with the steps of a port"]);
            }

            string name = $"{what}, {pages} mappings";
            yield return new Comparison($"port.Read of 64 bytes, {name}", Series.Of(reads), copying,
                Series.Of(referenceCopying))
            { Target = hits ? Hit : Miss };
            if (!hits)
            {
                yield return new Comparison($"port.Read of 64 bytes, {name}", Series.Of(reads),
                    "the same walk with our steps", Series.Of(stepping));
            }

            yield return new Comparison($"translation only, {name}", Series.Of(locates), baseline,
                Series.Of(reference))
            { Target = hits ? Translation : null };
        }
    }

    /// <summary>A device that reads random pages.</summary>
    internal sealed class Reader : IDisposable
    {
        private const int Sequence = 1 << 16;
        private const ulong Page = 4096, Base = 0x4000_0000;
        private readonly OwnAddressSpace _memory = new();
        private readonly DmaPort _port;
        private readonly ulong[] _iovas = new ulong[Sequence];
        private readonly byte[] _buffer = new byte[64];

        /// <summary>Reads pages that each have their own mapping.</summary>
        internal Reader(int pages) : this(pages, pages)
        {
        }

        /// <summary>Reads pages of this many mappings of equal size.</summary>
        internal Reader(int pages, int mappings) : this(pages, mappings, null, static endpoint => endpoint.OpenPort())
        {
        }

        /// <summary>Reads with requests that carry a PASID, through a port that the caller opens.</summary>
        internal Reader(int pages, Pasid pasid, Func<Endpoint, DmaPort> open) : this(pages, pages, pasid, open)
        {
        }

        private Reader(int pages, int mappings, Pasid? pasid, Func<Endpoint, DmaPort> open)
        {
            IommuUnit unit = new VtdUnit("dmar0", new VtdFeatures());
            Endpoint = new Endpoint(new RequesterId(0, 0, 3, 0), unit, new IommuGroup(0))
            {
                Features = new EndpointFeatures { PasidBits = pasid is null ? 0 : 20 },
            };
            var table = new MappingTable(Page);
            unit.CreatePagingDomain(Endpoint, PagingDomainOptions.None, null, table, out PagingDomain? domain);
            Endpoint.Attach(pasid, domain!, null, out _);
            HostBlock block = _memory.AllocateInHugePages((ulong)pages * Page);
            ulong each = (ulong)(pages / mappings) * Page;
            for (ulong at = 0; at < block.Length; at += each)
            {
                MemoryBacking backing = _memory.Reference(new Hva((ulong)block.Address + at), each, writable: true);
                backing.TryPopulate();
                table.Map(new IovaRange(Base + at, Base + at + each - 1), backing, 0, MapAccess.ReadWrite);
            }

            var random = new Random(1);
            for (int i = 0; i < Sequence; i++)
                _iovas[i] = Base + ((ulong)random.Next(pages) * Page) + ((ulong)random.Next(64) * 64);
            _port = open(Endpoint);
        }

        internal Endpoint Endpoint { get; }

        internal double Read(int count)
        {
            DmaPort port = _port;
            ulong[] iovas = _iovas;
            byte[] buffer = _buffer;
            long start = Stopwatch.GetTimestamp();
            for (int i = 0; i < count; i++)
            {
                if (!port.Read(new Iova(iovas[i & (Sequence - 1)]), buffer).IsOk)
                    throw new InvalidOperationException("A read that must succeed failed.");
            }

            return Stopwatch.GetElapsedTime(start).TotalNanoseconds / count;
        }

        internal double Locate(int count) => Locate(_port, count);

        /// <summary>Translates through a port. Several ports may be used at the same time.</summary>
        internal double Locate(DmaPort port, int count) => Bench.Locate.Each(port, _iovas, count);

        public void Dispose()
        {
            _port.Dispose();
        }
    }
}
