using Ioasis.Core.Dma;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Memory;
using Ioasis.Units.Vtd;

namespace Ioasis.Bench;

/// <summary>
/// What a translation that misses the port's IOTLB, and a map with an unmap, cost with 1 to 1M mappings. The memory is 256 MiB however few the mappings are, and 4 GiB
/// with 1M: so that pages are missed, which have their entries in an IOTLB one by one.
/// </summary>
internal static class MappingsBenchmark
{
    private const int FewestPages = 1 << 16;

    internal static IEnumerable<Comparison> Run(int rounds)
    {
        foreach (int mappings in (int[])[1, 64, 1 << 10, 1 << 16, 1 << 20])
        {
            using var translator = new Translator(mappings, Math.Max(mappings, FewestPages));
            yield return InTurn(rounds, "translation that misses", mappings, translator.Round, "4-level walk",
                () => Baselines.Measure(Baselines.Program("translate"), $"{Math.Max(mappings, FewestPages)}")["4-level walk"]);
            yield return InTurn(rounds, "map and unmap of 4 KiB", mappings, MapBenchmark.Areas.Of(mappings).Pairs, "4-level entries set and cleared",
                () => Baselines.Measure(Baselines.Program("pairs"), $"{mappings}").Values.Single());
        }
    }

    private static Comparison InTurn(int rounds, string operation, int mappings, Func<int, double> ours, string beside, Func<double> theirs)
    {
        Loop.Warm(ours);
        List<double> first = [], second = [];
        for (int round = 0; round < rounds; round++)
        {
            first.Add(Loop.Best(ours));
            second.Add(theirs());
        }

        return new Comparison($"{operation}, {mappings} mappings", Series.Of(first), beside, Series.Of(second)) { At = new PlotPoint(operation, mappings) };
    }

    /// <summary>A device that asks for random pages.</summary>
    private sealed class Translator : IDisposable
    {
        private const int Sequence = 1 << 16;
        private const ulong Page = 4096, Base = 0x4000_0000;
        private readonly OwnAddressSpace _memory = new();
        private readonly DmaPort _port;
        private readonly ulong[] _iovas = new ulong[Sequence];

        internal Translator(int mappings, int pages)
        {
            var unit = new VtdUnit("dmar0", new VtdFeatures());
            var endpoint = new Endpoint(new RequesterId(0, 0, 3, 0), unit, new IommuGroup(0)) { BusMaster = true };
            var table = new MappingTable(Page);
            unit.CreatePagingDomain(endpoint, PagingDomainOptions.None, null, table, out PagingDomain? domain);
            endpoint.Attach(null, domain);
            ulong each = (ulong)(pages / mappings) * Page;
            HostBlock block = _memory.AllocateInHugePages((ulong)pages * Page);
            for (ulong at = 0; at < block.Length; at += each)
            {
                MemoryBacking backing = _memory.Reference(new Hva((ulong)block.Address + at), each, writable: true);
                backing.TryPopulate();
                table.Map(new IovaRange(Base + at, Base + at + each - 1), backing, 0, MapAccess.ReadWrite);
            }

            var random = new Random(1);
            for (int i = 0; i < Sequence; i++) _iovas[i] = Base + ((ulong)random.Next(pages) * Page) + ((ulong)random.Next(64) * 64);
            _port = endpoint.OpenPort();
        }

        internal double Round(int count) => Locate.Each(_port, _iovas, count);

        public void Dispose() => _port.Dispose();
    }
}
