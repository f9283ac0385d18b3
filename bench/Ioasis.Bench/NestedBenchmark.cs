using System.Diagnostics;
using Ioasis.Memory;
using Ioasis.PageTables;
using Ioasis.PageTables.X64;
using Ioasis.Units.Vtd.FirstStage;

namespace Ioasis.Bench;

/// <summary>
/// A walk of a guest's first stage, 4 levels, each entry of it through our second stage, and the page through it too: what a translation costs
/// that no cache helps. With a mapping for each page the second stage has 4 levels as well, of which each is two look-ups of ours; a VMM
/// maps all memory of its guest at once. The C checks less: no reserved bits, no address widths, no rights but the user's to read.
/// </summary>
internal static class NestedBenchmark
{
    private const int Walks = 1 << 20, Sequence = 1 << 16;
    private const ulong Page = 4096, Base = 0x4000_0000, Tables = 0x1_0000_0000, Data = 0x1_4000_0000;

    internal static IEnumerable<Comparison> Run(int rounds)
    {
        string nested = Baselines.Program("nested");
        const string baseline = "nested walk, 24 references";
        foreach ((int pages, bool atOnce) in ((int, bool)[])[(1024, false), (65536, false), (65536, true)])
        {
            var bench = new Guest(pages, atOnce);
            for (int i = 0; i < 3; i++) bench.Round(); // let the compiler see the loop
            List<double> ours = [], theirs = [];
            for (int round = 0; round < rounds; round++)
            {
                ours.Add(bench.Round());
                theirs.Add(Baselines.Measure(nested, $"{pages}")[baseline]);
            }

            string mapped = atOnce ? "in 1 mapping" : "each mapped";
            yield return new Comparison($"nested walk, {pages} pages {mapped}", Series.Of(ours), baseline, Series.Of(theirs));
        }
    }

    /// <summary>A guest whose tables map pages from <see cref="Base"/>. Its pages need no memory: nobody reads them.</summary>
    private sealed class Guest
    {
        private readonly IovaTable _stage2 = new(12);
        private readonly List<ulong> _firsts = [0, 0]; // of the mappings, by number; 0 is none, 1 the far one
        private readonly bool _atOnce;
        private readonly ulong[] _memory = new ulong[512 * 256]; // from Tables
        private readonly FirstStageTable _table;
        private readonly ulong[] _iovas = new ulong[Sequence];
        private ulong _tables = Tables, _data = Data;

        internal Guest(int pages, bool atOnce)
        {
            _atOnce = atOnce;
            _stage2.Set(1UL << 47, (1UL << 47) + Page - 1, 1); // an address that makes the second stage 4 levels high
            if (atOnce) Stage2(Tables, Data - Tables + ((ulong)pages * Page));
            _table = new FirstStageTable(NewPage(ref _tables), 4, FirstStageFlags.None, new X64Format(48, pages1G: true), 48);
            for (ulong i = 0; i < (ulong)pages; i++) Map(Base + (i * Page));
            var random = new Random(1);
            for (int i = 0; i < Sequence; i++) _iovas[i] = Base + ((ulong)random.Next(pages) * Page) + ((ulong)random.Next(64) * 64);
        }

        internal double Round()
        {
            var memory = new GuestMemory(_stage2, [.. _firsts], _memory);
            ulong sum = 0;
            long start = Stopwatch.GetTimestamp();
            for (int i = 0; i < Walks; i++)
            {
                var request = new FirstStageRequest(new Iova(_iovas[i & (Sequence - 1)]), FirstStageAccess.Read);
                FirstStageTranslation got = FirstStageWalker.Walk(in _table, request, ref memory);
                uint mapping = _stage2.Find(got.Gpa.Value);
                if (!got.IsOk || mapping == 0) throw new InvalidOperationException("A walk that must succeed failed.");
                sum += mapping;
            }

            double each = Stopwatch.GetElapsedTime(start).TotalNanoseconds / Walks;
            return sum != 0 ? each : throw new InvalidOperationException("No page was found.");
        }

        private void Stage2(ulong gpa, ulong length)
        {
            _stage2.Set(gpa, gpa + length - 1, (uint)_firsts.Count);
            _firsts.Add(gpa);
        }

        private Gpa NewPage(ref ulong next)
        {
            var page = new Gpa(next);
            next += Page;
            if (!_atOnce) Stage2(page.Value, Page);
            return page;
        }

        private void Map(ulong iova)
        {
            Gpa table = _table.Top.Table;
            for (int level = 4; level >= 1; level--)
            {
                ref ulong entry = ref _memory[(table.Value - Tables + X64Format.Offset(iova, level)) / 8];
                if (entry == 0)
                    entry = NewPage(ref level == 1 ? ref _data : ref _tables).Value | X64Entry.PresentBit | (ulong)X64Rights.All | X64Entry.AccessedBit;
                table = new X64Entry(entry).Table;
            }
        }
    }

    /// <summary>Guest memory as stage 2 finds it: the mapping of an address, and where in that it is.</summary>
    private readonly struct GuestMemory(IovaTable stage2, ulong[] firsts, ulong[] words) : ITableMemory
    {
        public TableAccess Read(Gpa address, out ulong entry)
        {
            entry = 0;
            uint mapping = stage2.Find(address.Value);
            if (mapping == 0) return TableAccess.NotPresent;
            entry = Volatile.Read(ref Word(mapping, address));
            return TableAccess.Ok;
        }

        public TableAccess CompareExchange(Gpa address, ulong expected, ulong desired, out ulong found)
        {
            found = Interlocked.CompareExchange(ref Word(stage2.Find(address.Value), address), desired, expected);
            return TableAccess.Ok;
        }

        private ref ulong Word(uint mapping, Gpa address)
        {
            ulong first = firsts[mapping];
            return ref words[(first - Tables + (address.Value - first)) / 8];
        }
    }
}
