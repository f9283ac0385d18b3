using Ioasis.Core.Dma;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Faults;
using Ioasis.Core.Walks;
using Ioasis.Memory;
using Ioasis.PageTables.X64;
using Ioasis.Units.Vtd.Nested;

namespace Ioasis.Tests.Units.Vtd;

public sealed class TranslationWalkTests
{
    private const ulong Page = 0x1000, Root = NestedBench.Root, Three = 0x10000, Two = 0x11000, One = 0x12000,
        Data = 0x20000;
    private const ulong Table = X64Entry.PresentBit | X64Entry.WriteBit | X64Entry.UserBit;
    private readonly NestedBench _bench = new();
    private readonly VtdNestedDomain _domain;
    private readonly Endpoint _endpoint;

    public TranslationWalkTests()
    {
        _domain = _bench.NewDomain();
        _endpoint = _bench.NewEndpoint();
        _bench.Write(Root, Three | Table);
        _bench.Write(Three, Two | Table);
        _bench.Write(Two, One | Table);
        _bench.Write(One + 8, Data | Table);
    }

    [Fact]
    public void EachEntryIsShownAndLookingLeavesNoTrace()
    {
        _endpoint.Attach(null, _domain);
        TranslationWalk walk = TranslationWalk.Of(_endpoint, null, new Iova(Page + 0x10), write: true);
        Assert.Equal(FaultReason.None, walk.Reason);
        Assert.Equal([(4, Root, Three | Table), (3, Three, Two | Table), (2, Two, One | Table),
                (1, One + 8, Data | Table)],
            walk.Steps.Where(s => s.Entry is not null).Select(s => (s.Level, s.Address, s.Entry!.Value)));
        Assert.All(walk.Steps, step => Assert.False(step.IsKept));
        Assert.Equal((WalkStage.Second, Data + 0x10), (walk.Steps[^1].Stage, walk.Steps[^1].Address));
        Assert.Equal(Data | Table, _bench.Read(One + 8)); // no A, no D
        Assert.Equal(0, _bench.Unit.Faults.Count);
    }

    [Fact]
    public void AnEntryIsToldBitByBitAndEachStepTellsWhichBitsOfTheAddressItUses()
    {
        _endpoint.Attach(null, _domain);
        TranslationWalk walk = TranslationWalk.Of(_endpoint, null, new Iova(Page + 0x10), write: true);
        WalkStep[] entries = [.. walk.Steps.Where(s => s.Entry is not null)];
        Assert.Equal([(39, 9), (30, 9), (21, 9), (12, 9)], entries.Select(s => (s.Uses!.First, s.Uses.Count)));
        Assert.All(entries, entry =>
        {
            ulong all = 0;
            int next = 0;
            foreach (WalkField field in entry.Fields!)
            {
                Assert.Equal(next, field.First); // no gap, and none upon another
                next += field.Count;
                all |= field.Name == "ADDR" ? field.Value : field.Value << field.First;
            }

            Assert.Equal((64, entry.Entry), (next, all));
            Assert.True(entry.Mapping!.First <= entry.Address && entry.Address <= entry.Mapping.Last);
        });
        WalkField address = Assert.Single(entries[^1].Fields!, f => f.Name == "ADDR");
        Assert.Equal((Data, "a page of 2^12 bytes"), (address.Value, address.Says));
        Assert.Equal("the table of level 3", entries[0].Fields!.Single(f => f.Name == "ADDR").Says);
        Assert.Equal((0, 12), (walk.Steps[^2].Uses!.First, walk.Steps[^2].Uses!.Count)); // the offset in the page
    }

    [Theory]
    [InlineData(2 * Page, false, 0x71, "SFS.2: ")]
    [InlineData(1UL << 47, false, 0x80, "SGN.1: ")]
    [InlineData(Page, true, 0x85, "SGN.6: ")]
    public void ARefusalTellsTheUnitsNumberAndItsRule(ulong address, bool write, int code, string rule)
    {
        _bench.Write(One + 8, Data | X64Entry.PresentBit | X64Entry.UserBit);
        _endpoint.Attach(null, _domain);
        WalkStep last = TranslationWalk.Of(_endpoint, null, new Iova(address), write).Steps[^1];
        Assert.Equal(code, last.Code);
        Assert.StartsWith(rule, last.Rule, StringComparison.Ordinal);
    }

    [Fact]
    public void AKeptTranslationThatTheTablesNoLongerSayIsShownAsThat()
    {
        _endpoint.Attach(null, _domain);
        using DmaPort port = _endpoint.OpenPort();
        Assert.True(NestedBench.Read(port, Page).Ok);
        Assert.Contains("as the tables say", Kept().Says, StringComparison.Ordinal);
        _bench.Write(One + 8, (Data + Page) | Table);
        Assert.Contains("not invalidated", Kept().Says, StringComparison.Ordinal);
        // what a device would reach
        Assert.Equal(Data, TranslationWalk.Of(_endpoint, null, new Iova(Page), write: false).Steps[^1].Address);
        NestedBench.Invalidate(_domain, Page, 1);
        TranslationWalk after = TranslationWalk.Of(_endpoint, null, new Iova(Page), write: false);
        Assert.DoesNotContain(after.Steps, s => s.IsKept);
        Assert.Equal(Data + Page, after.Steps[^1].Address);

        WalkStep Kept() =>
            Assert.Single(TranslationWalk.Of(_endpoint, null, new Iova(Page), write: false).Steps, s => s.IsKept);
    }

    [Fact]
    public void ItEndsWhereADevicesAccessWould()
    {
        Assert.Equal(FaultReason.NotAttached, TranslationWalk.Of(_endpoint, null, new Iova(Page), write: false).Reason);
        _endpoint.Attach(new Pasid(3), _domain);
        Assert.Equal(FaultReason.NotAttached, TranslationWalk.Of(_endpoint, null, new Iova(Page), write: false).Reason);
        Check(new Iova(2 * Page), false, FaultReason.NotMapped);
        Check(new Iova(1UL << 47), false, FaultReason.BeyondAddressWidth);
        _bench.Write(One + 8, Data | X64Entry.PresentBit | X64Entry.UserBit);
        Check(new Iova(Page), true, FaultReason.NoPermission);
        _bench.Write(One + 8, (1UL << 40) | Table); // where the guest has no memory
        Check(new Iova(Page), false, FaultReason.NotMapped);
        _endpoint.Block = SendBlock.BusMasterDisabled;
        Check(new Iova(Page), false, FaultReason.BusMasterDisabled);

        void Check(Iova address, bool write, FaultReason reason)
        {
            TranslationWalk walk = TranslationWalk.Of(_endpoint, new Pasid(3), address, write);
            Assert.Equal(reason, walk.Reason);
            Assert.True(walk.Steps[^1].IsFault);
            using DmaPort port = _endpoint.OpenPort();
            byte[] data = new byte[8];
            Assert.Equal(reason,
                (write ? port.Write(new Pasid(3), address, data) : port.Read(new Pasid(3), address, data)).Reason);
        }
    }

    [Fact]
    public void AFaultThatADeviceAskedAPageForInVainIsRecordedWithTheFirstStagesOwnReason()
    {
        _endpoint.Attach(null, _domain);
        using DmaPort port = _endpoint.OpenPort();
        port.RequestsPages = true;
        DmaResult result = port.Read(new Iova(2 * Page), new byte[8]);
        Assert.True(result.IsRecoverable);
        Assert.Equal(0, _bench.Unit.Faults.Count);
        port.GiveUp(null, new Iova(2 * Page), isWrite: false, result);
        // SFS.2
        Assert.Equal((FaultReason.NotMapped, (ushort)0x71),
            (_bench.Unit.Faults.Snapshot()[^1].Reason, _bench.Unit.Faults.Snapshot()[^1].Code));
    }
}
