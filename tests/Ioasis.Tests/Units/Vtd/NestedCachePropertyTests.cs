using System.Globalization;
using System.Runtime.InteropServices;
using Ioasis.Core.Dma;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Memory;
using Ioasis.PageTables.X64;
using Ioasis.Units.Vtd;
using Ioasis.Units.Vtd.Nested;
using static Ioasis.Tests.Units.Vtd.NestedBench;

namespace Ioasis.Tests.Units.Vtd;

/// <summary>
/// Random changes of a guest's tables, accesses and invalidations. With an invalidation after each change everything is
/// as the oracle says; without, a result must be explained by entries as they were at some time since the last
/// invalidation that covers the address.
/// </summary>
public sealed class NestedCachePropertyTests
{
    private const int Steps = 20_000;
    private readonly List<(long Time, ulong Value)>[] _history =
        [.. Enumerable.Range(0, GuestArena.Pages * GuestArena.Slots).Select(_ => new List<(long, ulong)>())];
    private readonly FirstStageCase _case = new();
    private readonly Dictionary<ulong, long> _invalidated = []; // by page
    private readonly Dictionary<(int Shift, ulong Page), FirstStageResult> _used = [];
    private readonly Dictionary<ulong, KnownTable> _tables = []; // by region, as a port knows them
    private NestedBench _bench = null!;
    private VtdNestedDomain _domain = null!;
    private Endpoint _endpoint = null!;
    private long _time;
    private int _withTable;

    public static TheoryData<int?, int?> Sizes =>
        new() { { null, null }, { 0, 0 }, { 0, null }, { null, 0 }, { 3, 2 } };

    [Theory]
    [MemberData(nameof(Sizes))]
    public void WithAnInvalidationAfterEachChangeAllIsAsTheOracleSays(int? translations, int? structures)
    {
        var random = new CaseRandom(1);
        Begin(translations, structures, ref random);
        int succeeded = 0, failed = 0;
        for (int step = 0; step < Steps; step++)
        {
            if (random.OneIn(8))
            {
                int place = random.Below(_history.Length);
                HashSet<ulong> affected = [.. Addresses().Where(a => Visits(a, place))];
                Change(place, Entry(ref random));
                affected.UnionWith(Addresses().Where(a => Visits(a, place)));
                if (random.OneIn(4)) Invalidate(_domain);
                else foreach (ulong address in affected) Invalidate(_domain, address, 1);
                _tables.Clear();
            }

            _case.Iova = Address(ref random);
            _case.Write = random.OneIn(2);
            Sync();
            FirstStageOracle.Outcome expected = new FirstStageOracle(_case, _case.Memory).Translate();
            FirstStageResult got = Translate(_case.Iova, _case.Write);
            Assert.True(got.Syndrome.Code == expected.Reason && (!got.IsOk
                    || (got.Address == expected.Address && got.PageShift == X64Format.PageShift(expected.Level))),
                $"step {step}: {got}, not {expected}\n{_case}");
            for (int i = 0; i < _history.Length; i++) Assert.Equal(_case.Memory.Entries[i], _bench.Read(AddressOf(i)));
            if (got.IsOk) succeeded++; else failed++;
        }

        Assert.Equal(translations == 0 && structures == 0, _withTable == 0);
        Assert.True(succeeded > Steps / 20 && failed > Steps / 20, $"{succeeded} translated, {failed} not");
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void WithoutInvalidationsOnlyWhatOnceWasIsFound(int? translations, int? structures)
    {
        var random = new CaseRandom(2);
        Begin(translations, structures, ref random);
        int stale = 0, kept = 0;
        for (int step = 0; step < Steps; step++)
        {
            _time++;
            if (random.OneIn(4)) Change(random.Below(_history.Length), Entry(ref random));
            if (random.OneIn(20)) Drop(ref random);
            ulong iova = Address(ref random);
            bool write = random.OneIn(2);
            FirstStageResult got = Translate(iova, write);
            long since = _invalidated.GetValueOrDefault(iova & ~0xfffUL);
            HashSet<(ushort, ulong)> possible = [];
            Explain(iova, write, 4, Root, since, possible);
            Assert.True(possible.Contains((got.Syndrome.Code, got.IsOk ? got.Address : 0)),
                string.Create(CultureInfo.InvariantCulture, $"step {step}: {got} "
                    + $"for {iova:x} (write {write}), which the tables never said since {since} of {_time}"));
            HashSet<(ushort, ulong)> now = [];
            Explain(iova, write, 4, Root, _time, now, presentOnly: true);
            if (!now.Contains((got.Syndrome.Code, got.IsOk ? got.Address : 0))) stale++;
            if (translations is null) kept += Keep(iova, write, in got);
        }

        Assert.Equal(translations == 0 && structures == 0, stale == 0);
        if (translations is null) Assert.True(kept > Steps / 50, $"{kept} were still the old ones");
    }

    private FirstStageResult Translate(ulong iova, bool write)
    {
        ref KnownTable known = ref CollectionsMarshal.GetValueRefOrAddDefault(
            _tables, iova >> KnownTable.RegionShift, out _);
        if (known.Table != 0 || known.Kept is not null) _withTable++;
        return _domain.Translate(
            _endpoint, new TranslationRequest(new Iova(iova), write ? MapAccess.Write : MapAccess.Read), ref known);
    }

    /// <summary>What was used and not invalidated is still what it was, as there is room for everything.</summary>
    private int Keep(ulong iova, bool write, in FirstStageResult got)
    {
        for (int level = 1; level <= 3; level++)
        {
            int shift = X64Format.PageShift(level);
            if (!_used.TryGetValue((shift, iova >> shift), out FirstStageResult old)) continue;
            if (write && (old.Access & MapAccess.Write) == 0) break; // it is walked again: D
            Assert.True(got.IsOk && got.Address >> shift == old.Address >> shift
                && got.PageShift == shift, $"{got}, and it was {old}");
            return 1;
        }

        if (got.IsOk) _used[(got.PageShift, iova >> got.PageShift)] = got;
        return 0;
    }

    private void Drop(ref CaseRandom random)
    {
        ulong first = Address(ref random) & ~0xfffUL,
            pages = random.OneIn(3) ? ulong.MaxValue : random.OneIn(2) ? 1 : 1UL << random.Below(36);
        if (pages == ulong.MaxValue) first = 0;
        bool leafOnly = random.OneIn(3);
        ulong last = pages > (ulong.MaxValue - first) >> 12 ? ulong.MaxValue : first + (pages << 12) - 1;
        Invalidate(_domain, first, pages, leafOnly);
        _tables.Clear();
        foreach ((int shift, ulong page) in _used.Keys.ToArray())
            if (page << shift <= last && (page << shift) + ((1UL << shift) - 1) >= first) _used.Remove((shift, page));
        if (leafOnly) return; // entries above leaves may be as old as before
        foreach (ulong address in Addresses())
            if (address >= first && address <= last) _invalidated[address] = _time;
    }

    /// <summary>All that a walk can come to with entries as they were at some time since then.</summary>
    private void Explain(ulong iova, bool write, int level, ulong table, long since, HashSet<(ushort, ulong)> possible,
        bool presentOnly = false)
    {
        int place = PlaceOf(table + X64Format.Offset(iova, level));
        if (place < 0)
        {
            possible.Add((0x79, 0)); // SSS.2
            return;
        }

        List<(long Time, ulong Value)> versions = _history[place];
        for (int i = versions.Count - 1; i >= 0; i--)
        {
            ulong entry = versions[i].Value;
            if ((entry & Present) == 0) possible.Add((0x71, 0));
            else if (level == 4 && (entry & X64Entry.PageSizeBit) != 0) possible.Add((0x72, 0));
            else if ((entry & X64Entry.UserBit) == 0) possible.Add((0x81, 0));
            else if (write && (entry & X64Entry.WriteBit) == 0) possible.Add((0x85, 0));
            else if (level == 1 || (level < 4 && (entry & X64Entry.PageSizeBit) != 0))
                possible.Add((0, new X64Entry(entry).Translate(iova, X64Format.PageShift(level)).Value));
            else Explain(iova, write, level - 1, entry & X64Entry.AddressMask, since, possible, presentOnly);
            // it was there at that time, and those before were not
            if (presentOnly || versions[i].Time <= since) return;
        }
    }

    private void Begin(int? translations, int? structures, ref CaseRandom random)
    {
        _bench = new NestedBench(new VtdFeatures { IotlbEntries = translations, StructureEntries = structures },
            GuestArena.Pages);
        _endpoint = _bench.NewEndpoint();
        _domain = _bench.NewDomain();
        (_case.Root, _case.Pages1G) = (Root, true);
        for (int page = 0; page < GuestArena.Pages; page++) _case.Memory.Frames[page] = (ulong)page * Page;
        for (int i = 0; i < _history.Length; i++) Change(i, Entry(ref random));
    }

    private void Change(int place, ulong entry)
    {
        _history[place].Add((_time, entry));
        _bench.Write(AddressOf(place), entry);
    }

    /// <summary>The oracle's memory is what ours is now, A and D included.</summary>
    private void Sync()
    {
        for (int i = 0; i < _history.Length; i++) _case.Memory.Entries[i] = _bench.Read(AddressOf(i));
    }

    private bool Visits(ulong iova, int place)
    {
        ulong table = Root;
        for (int level = 4; level >= 1; level--)
        {
            int at = PlaceOf(table + X64Format.Offset(iova, level));
            if (at == place) return true;
            ulong entry = at < 0 ? 0 : _bench.Read(AddressOf(at));
            if ((entry & Present) == 0 || (level < 4 && (entry & X64Entry.PageSizeBit) != 0)) return false;
            table = entry & X64Entry.AddressMask;
        }

        return false;
    }

    /// <summary>Nothing reserved: mostly tables, some leaves, some that lack something.</summary>
    private static ulong Entry(ref CaseRandom random)
    {
        ulong entry = random.OneIn(10) ? 0 : Present;
        if (!random.OneIn(8)) entry |= X64Entry.WriteBit;
        if (!random.OneIn(10)) entry |= X64Entry.UserBit;
        if (random.OneIn(4)) entry |= X64Entry.AccessedBit | X64Entry.DirtyBit;
        return random.OneIn(12)
            ? entry | (random.OneIn(2) ? X64Entry.PageSizeBit : 0) | ((ulong)random.Below(64) << 30)
            : entry | ((ulong)random.Below(GuestArena.Pages) * Page);
    }

    private static ulong Address(ref CaseRandom random)
    {
        ulong iova = 0;
        for (int level = 0; level < 4; level++)
            iova |= GuestArena.Indices[random.Below(GuestArena.Slots)] << (12 + (9 * level));
        return Canonical(iova) + ((ulong)random.Below(512) * 8);
    }

    private static IEnumerable<ulong> Addresses()
    {
        foreach (ulong a in GuestArena.Indices)
            foreach (ulong b in GuestArena.Indices)
                foreach (ulong c in GuestArena.Indices)
                    foreach (ulong d in GuestArena.Indices)
                        yield return Canonical((a << 39) | (b << 30) | (c << 21) | (d << 12));
    }

    private static ulong Canonical(ulong iova) => (ulong)((long)(iova << 16) >> 16);

    private static ulong AddressOf(int place) =>
        ((ulong)(place / GuestArena.Slots) * Page) + (GuestArena.Indices[place % GuestArena.Slots] * 8);

    private static int PlaceOf(ulong address) =>
        address / Page < GuestArena.Pages ? GuestArena.Place((int)(address / Page), address) : -1;
}
