using Ioasis.Core.Dma;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Faults;
using Ioasis.Memory;
using Ioasis.PageTables.X64;
using Ioasis.Units.Vtd;
using Ioasis.Units.Vtd.Nested;
using static Ioasis.Tests.Units.Vtd.NestedBench;

namespace Ioasis.Tests.Units.Vtd;

/// <summary>
/// Invariant 3, case by case: what the caches of a first stage may keep, and what ends it. The tables: <c>Root</c> at
/// page 0, then one table of each level at pages 1 to 3; data from page 16 on, each page beginning with its own number.
/// </summary>
public sealed class NestedCacheTests
{
    private const ulong Iova = 0x40_0000, Leaf = 3 * Page, Data = 16;
    private readonly NestedBench _bench = new();
    private readonly VtdNestedDomain _domain;
    private readonly Endpoint _endpoint;
    private readonly DmaPort _port;

    public NestedCacheTests()
    {
        BuildTables(_bench, Root);
        _domain = _bench.NewDomain();
        _endpoint = _bench.NewEndpoint();
        _endpoint.Attach(null, _domain);
        _port = _endpoint.OpenPort();
    }

    [Fact]
    public void AChangeIsSeenOnceItIsInvalidatedAndNotBefore()
    {
        Assert.Equal((true, Data), Read(_port, Iova));
        _bench.Write(Leaf, ((Data + 1) * Page) | All);
        Assert.Equal((true, Data), Read(_port, Iova));
        Invalidate(_domain, Iova + Page, 1); // another page
        Assert.Equal((true, Data), Read(_port, Iova));
        Invalidate(_domain, Iova, 0); // no page
        Assert.Equal((true, Data), Read(_port, Iova));
        Invalidate(_domain, Iova, 1, leafOnly: true);
        Assert.Equal((true, Data + 1), Read(_port, Iova));
    }

    [Fact]
    public void WhatWasNotPresentIsNeverKept()
    {
        _bench.Write(Leaf, 0);
        Assert.False(Read(_port, Iova).Ok);
        _bench.Write(Leaf, ((Data + 1) * Page) | All);
        Assert.Equal((true, Data + 1), Read(_port, Iova));
    }

    /// <summary>
    /// The domain remembers where the second stage looks its tables up; that place goes, and another comes.
    /// </summary>
    [Fact]
    public void ATableThatIsMappedAnewIsFound()
    {
        const ulong apart = 1UL << 30;
        var bench = new NestedBench(new VtdFeatures { IotlbEntries = 0, StructureEntries = 0 });
        BuildTables(bench, Root);
        Endpoint endpoint = bench.NewEndpoint();
        endpoint.Attach(null, bench.NewDomain(root: apart));
        DmaPort port = endpoint.OpenPort();
        for (int time = 0; time < 2; time++)
        {
            (IovaRange mapping, HostBlock block) = bench.MapGuest(apart, Page);
            block.Write(0, bench.Read(Root));
            for (int read = 0; read < 3; read++) Assert.Equal((true, Data), Read(port, Iova));
            bench.Parent.Mappings.Unmap(mapping);
            Assert.False(Read(port, Iova).Ok);
            // so many empty nodes are not kept
            for (ulong i = 2; i < 40; i++) bench.Parent.Mappings.Unmap(bench.MapGuest(i * apart, Page).Mapping);
            Assert.False(Read(port, Iova).Ok);
        }
    }

    [Fact]
    public void AnInvalidationOfLeavesKeepsTheEntriesAboveThem()
    {
        Assert.Equal((true, Data), Read(_port, Iova));
        _bench.Write(Root, 0); // the whole first stage
        Invalidate(_domain, Iova, 1, leafOnly: true);
        Assert.Equal((true, Data), Read(_port, Iova));
        Assert.Equal((true, Data + 5), Read(_port, Iova + (5 * Page))); // never used before
        Invalidate(_domain, Iova, 1);
        Assert.False(Read(_port, Iova).Ok);
        Assert.Equal((byte)0x71, _bench.Unit.Faults.Snapshot()[^1].Code); // SFS.2
    }

    [Fact]
    public void AnInvalidationOfASmallPageEndsTheLargePageAroundIt()
    {
        const ulong two = 2 * Page; // the table of level 2
        _bench.Write(two + (2 * 8), All | X64Entry.PageSizeBit); // 2 MiB from 0 on
        Assert.Equal((true, Data), Read(_port, Iova + (Data * Page)));
        _bench.Write(two + (2 * 8), Leaf | All);
        Assert.Equal((true, Data), Read(_port, Iova + (Data * Page)));
        Invalidate(_domain, Iova, 1);
        Assert.Equal((true, Data + Data), Read(_port, Iova + (Data * Page)));
    }

    [Fact]
    public void AWriteToAPageThatWasReadFindsAnEntryThatForbidsIt()
    {
        Assert.Equal((true, Data), Read(_port, Iova));
        _bench.Write(Leaf, (Data * Page) | ReadOnly);
        // D must be set: it is read again
        Assert.Equal(FaultReason.NoPermission, _port.Write(new Iova(Iova), new byte[8]).Reason);
        Assert.Equal((true, Data), Read(_port, Iova));
    }

    [Fact]
    public void APermissionTakenAwayIsThereUntilItIsInvalidated()
    {
        Assert.True(_port.Write(new Iova(Iova + 8), new byte[8]).IsOk);
        Assert.Equal(X64Entry.DirtyBit, _bench.Read(Leaf) & X64Entry.DirtyBit);
        _bench.Write(Leaf, (Data * Page) | ReadOnly);
        Assert.True(_port.Write(new Iova(Iova + 8), new byte[8]).IsOk);
        Invalidate(_domain, Iova, 1, leafOnly: true);
        Assert.Equal(FaultReason.NoPermission, _port.Write(new Iova(Iova + 8), new byte[8]).Reason);
    }

    [Fact]
    public void TheSecondStageIsNeverStale()
    {
        const ulong far = 1024 * Page;
        (IovaRange mapping, HostBlock block) = _bench.MapGuest(far, Page);
        block.Write(0, 7UL);
        _bench.Write(Leaf, far | All);
        Assert.Equal((true, 7UL), Read(_port, Iova));
        _bench.Parent.Mappings.Unmap(mapping);
        Assert.False(Read(_port, Iova).Ok);
        Assert.Equal((byte)0x79, _bench.Unit.Faults.Snapshot()[^1].Code); // SSS.2
        (mapping, block) = _bench.MapGuest(far, Page);
        block.Write(0, 8UL);
        Assert.Equal((true, 8UL), Read(_port, Iova));

        // The same under a table: what the caches know of it is the guest's address.
        block.CopyFrom(0, new byte[Page]);
        block.Write(6 * 8, ((Data + 1) * Page) | All);
        _bench.Write(2 * Page + (2 * 8), far | All);
        Invalidate(_domain);
        Assert.Equal((true, Data + 1), Read(_port, Iova + (6 * Page)));
        _bench.Parent.Mappings.Unmap(mapping);
        Assert.Equal((true, Data + 1), Read(_port, Iova + (6 * Page)));
        Assert.False(Read(_port, Iova + (7 * Page)).Ok);
        (_, block) = _bench.MapGuest(far, Page);
        block.Write(7 * 8, ((Data + 2) * Page) | All);
        Assert.Equal((true, Data + 2), Read(_port, Iova + (7 * Page)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void WhatIsDetachedOrReplacedForgets(bool replace)
    {
        Assert.Equal((true, Data), Read(_port, Iova));
        _bench.Write(Leaf, ((Data + 1) * Page) | All);
        _bench.Write(Root + (511 * 8), 0);
        _endpoint.Attach(null, replace ? _bench.Parent : null);
        _endpoint.Attach(null, _domain);
        Assert.Equal((true, Data + 1), Read(_port, Iova));
    }

    [Fact]
    public void PasidsAreApart()
    {
        var one = new Pasid(1);
        var two = new Pasid(2);
        BuildTables(_bench, 4 * Page, shift: 1);
        VtdNestedDomain other = _bench.NewDomain(4 * Page);
        _endpoint.Attach(one, _domain);
        _endpoint.Attach(two, other);
        Assert.Equal((true, Data), Read(_port, Iova, one));
        Assert.Equal((true, Data + 1), Read(_port, Iova, two));

        _bench.Write(Leaf, ((Data + 8) * Page) | All);
        _bench.Write(Leaf + (4 * Page), ((Data + 9) * Page) | All);
        Invalidate(other);
        Assert.Equal((true, Data), Read(_port, Iova, one));
        Assert.Equal((true, Data + 9), Read(_port, Iova, two));
        _endpoint.Attach(one, null);
        Assert.False(Read(_port, Iova, one).Ok);
        _endpoint.Attach(one, other);
        Assert.Equal((true, Data + 9), Read(_port, Iova, one));
    }

    [Fact]
    public void AddressesOfTheUpperHalfAreTranslatedAndNoneGoesOnAtZero()
    {
        const ulong top = ulong.MaxValue - Page + 1;
        _bench.Write(Root + (511 * 8), Page | All);
        _bench.Write(Page + (511 * 8), (2 * Page) | All);
        _bench.Write(2 * Page + (511 * 8), Leaf | All);
        _bench.Write(Leaf + (511 * 8), ((Data + 3) * Page) | All);
        Assert.Equal((true, Data + 3), Read(_port, top));
        DmaResult result = _port.Read(new Iova(top), new byte[2 * Page]);
        Assert.Equal((FaultReason.BeyondAddressWidth, (int)Page), (result.Reason, result.BytesDone));
        Assert.True(_port.Read(new Iova(top - Page), new byte[8]).Reason == FaultReason.NotMapped);
        // not canonical
        Assert.Equal(FaultReason.BeyondAddressWidth, _port.Read(new Iova(1UL << 47), new byte[8]).Reason);
    }

    [Fact]
    public void ALongAccessGoesThroughEachPageOfTheFirstStage()
    {
        for (ulong i = 0; i < 8; i++) _bench.Write(Leaf + (i * 8), ((Data + 7 - i) * Page) | All);
        byte[] bytes = new byte[8 * Page];
        Assert.True(_port.Read(new Iova(Iova), bytes).IsOk);
        for (ulong i = 0; i < 8; i++) Assert.Equal(Data + 7 - i, BitConverter.ToUInt64(bytes, (int)(i * Page)));
        _bench.Write(Leaf + (5 * 8), 0);
        Invalidate(_domain);
        DmaResult result = _port.Read(new Iova(Iova), bytes);
        Assert.Equal((FaultReason.NotMapped, 5 * (int)Page), (result.Reason, result.BytesDone));
        Assert.Equal(Iova + (5 * Page), _bench.Unit.Faults.Snapshot()[^1].Iova.Value);
    }

    [Fact]
    public void WithoutCachesEveryChangeIsSeenAtOnce()
    {
        var bench = new NestedBench(new VtdFeatures { IotlbEntries = 0, StructureEntries = 0 });
        BuildTables(bench, Root);
        Endpoint endpoint = bench.NewEndpoint();
        endpoint.Attach(null, bench.NewDomain());
        using DmaPort port = endpoint.OpenPort();
        for (ulong i = 0; i < 8; i++)
        {
            bench.Write(Leaf, ((Data + i) * Page) | All);
            Assert.Equal((true, Data + i), Read(port, Iova));
        }

        bench.Write(Root, 0);
        Assert.False(Read(port, Iova).Ok);
    }

    [Theory]
    [InlineData(4, null, null)]
    [InlineData(3, null, null)]
    [InlineData(1, null, null)]
    [InlineData(1, 1, 1)]
    [InlineData(4, 0, null)]
    [InlineData(4, null, 0)]
    public void AWalkThatAnInvalidationOvertakesKeepsNothingOfWhatItFound(int level, int? translations, int? structures)
    {
        // The tables are in memory that is asked word by word; right after one entry was read the guest changes it and
        // invalidates.
        const ulong tables = 1024 * Page;
        var bench = new NestedBench(new VtdFeatures { IotlbEntries = translations, StructureEntries = structures });
        var watched = new WatchedMemory(4 * Page);
        bench.Parent.Mappings.Map(new IovaRange(tables, tables + (4 * Page) - 1), watched, 0, MapAccess.ReadWrite);
        watched.Write(0, (tables + Page) | All | X64Entry.AccessedBit);
        watched.Write(Page, (tables + (2 * Page)) | All | X64Entry.AccessedBit);
        watched.Write((2 * Page) + (2 * 8), (tables + (3 * Page)) | All | X64Entry.AccessedBit);
        watched.Write(3 * Page, (Data * Page) | All | X64Entry.AccessedBit);
        for (ulong i = 0; i < 2; i++) bench.Write((Data + i) * Page, Data + i);
        VtdNestedDomain domain = bench.NewDomain(tables);
        ulong offset = ((ulong)(4 - level) * Page) + (level == 2 ? 2 * 8 : 0ul);
        watched.WhenRead(offset, () =>
        {
            watched.Write(offset, level == 1 ? ((Data + 1) * Page) | All : 0);
            Invalidate(domain, Iova, 1);
        });
        Endpoint endpoint = bench.NewEndpoint();
        var request = new TranslationRequest(new Iova(Iova), MapAccess.Read);
        Assert.Equal(Data * Page, domain.Translate(endpoint, request).Address); // it may, as it was there before

        endpoint.Attach(null, domain);
        using DmaPort port = endpoint.OpenPort();
        Assert.Equal(level == 1 ? (true, Data + 1) : (false, 0ul), Read(port, Iova));
    }

    /// <summary>
    /// Four levels from a page on, for IOVAs from <see cref="Iova"/> on; page i of them is data page i plus
    /// <paramref name="shift"/>.
    /// </summary>
    internal static void BuildTables(NestedBench bench, ulong root, ulong shift = 0)
    {
        bench.Write(root, (root + Page) | All);
        bench.Write(root + Page, (root + (2 * Page)) | All);
        bench.Write(root + (2 * Page) + (2 * 8), (root + (3 * Page)) | All); // 0x400000 is entry 2 of level 2
        for (ulong i = 0; i < 64; i++)
        {
            bench.Write(root + (3 * Page) + (i * 8), ((Data + i + shift) * Page) | All);
            bench.Write((Data + i) * Page, Data + i);
        }
    }

    /// <summary>Memory that is asked for each word, and tells when one was read.</summary>
    private sealed class WatchedMemory(ulong length) : MemoryBacking(length, writable: true, 0)
    {
        private readonly byte[] _bytes = new byte[length];
        private ulong _offset;
        private Action? _whenRead;

        internal void Write(ulong offset, ulong value) => TryWrite(offset, BitConverter.GetBytes(value));

        internal void WhenRead(ulong offset, Action act) => (_offset, _whenRead) = (offset, act);

        public override bool TryPopulate(ulong offset, ulong length) => true;

        public override bool TryRead(ulong offset, Span<byte> destination)
        {
            _bytes.AsSpan((int)offset, destination.Length).CopyTo(destination);
            if (offset != _offset || _whenRead is not { } act) return true;
            _whenRead = null;
            act();
            return true;
        }

        public override bool TryWrite(ulong offset, ReadOnlySpan<byte> source)
        {
            source.CopyTo(_bytes.AsSpan((int)offset));
            return true;
        }
    }
}
