using Ioasis.Core.Dma;
using Ioasis.Units.Vtd;

namespace Ioasis.Bench;

/// <summary>
/// A translation through a guest's first stage of 4 levels. Each of its entries, and the page, is translated by our
/// second stage. Without any cache, and with the unit's caches for entries that lead to tables. With a mapping per
/// page, the second stage has 4 levels too; a VMM maps all memory of its guest at once. The C checks less: no reserved
/// bits, no address widths, and of the rights only the user's to read.
/// </summary>
internal static class NestedBenchmark
{
    private const double Uncached = 1.5, Structures = 0.5;
    private const int Sequence = 1 << 16;

    internal static IEnumerable<Comparison> Run(int rounds)
    {
        string nested = Baselines.Program("nested");
        const string baseline = "nested walk, 24 references";
        foreach ((int pages, bool atOnce) in ((int, bool)[])[(1024, false), (65536, false), (65536, true)])
        {
            using var uncached = new Walker(new VtdFeatures { IotlbEntries = 0, StructureEntries = 0 }, pages, atOnce);
            using var structures = new Walker(new VtdFeatures { IotlbEntries = 0 }, pages, atOnce);
            using var all = new Walker(new VtdFeatures(), pages, atOnce);
            List<double> ours = [], cached = [], known = [], theirs = [];
            Loop.Warm(uncached.Round);
            Loop.Warm(structures.Round);
            Loop.Warm(all.Round);
            for (int round = 0; round < rounds; round++)
            {
                ours.Add(Loop.Best(uncached.Round));
                cached.Add(Loop.Best(structures.Round));
                known.Add(Loop.Best(all.Round));
                theirs.Add(Baselines.Measure(nested, $"{pages}")[baseline]);
            }

            string name = $"{pages} pages {(atOnce ? "in 1 mapping" : "each mapped")}";
            yield return new Comparison($"nested walk, {name}", Series.Of(ours), baseline,
                Series.Of(theirs))
            { Target = Uncached };
            yield return new Comparison($"its tables known, {name}", Series.Of(cached), baseline,
                Series.Of(theirs))
            { Target = Structures };
            yield return new Comparison($"its pages known, {name}", Series.Of(known), baseline, Series.Of(theirs));
        }
    }

    internal sealed class Walker : IDisposable
    {
        private readonly NestedGuest _guest;
        private readonly DmaPort _port;
        private readonly ulong[] _iovas = new ulong[Sequence];

        internal Walker(VtdFeatures features, int pages, bool atOnce)
        {
            _guest = new NestedGuest(features, pages, atOnce);
            _port = _guest.Endpoint.OpenPort();
            var random = new Random(1);
            for (int i = 0; i < Sequence; i++)
                _iovas[i] = NestedGuest.Base + ((ulong)random.Next(pages) * NestedGuest.Page)
                    + ((ulong)random.Next(64) * 64);
        }

        internal double Round(int count) => Locate.Each(_port, _iovas, count);

        public void Dispose() => _port.Dispose();
    }
}
