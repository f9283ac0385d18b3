using Ioasis.Core.PageRequests;
using Ioasis.Devices.Dsa;
using Ioasis.Memory;

namespace Ioasis.Tests.Devices.Dsa;

/// <summary>What a descriptor that meets a fault has done, and tells of it.</summary>
public sealed class DsaFaultTests
{
    private const ulong Hole = 0x800000; // eight pages, one of them missing
    private const int Pages = 8;

    public static TheoryData<int> EachPage => [.. Enumerable.Range(0, Pages)];

    [Theory]
    [MemberData(nameof(EachPage))]
    public void AMoveTellsWhereASourcePageIsMissing(int missing)
    {
        using DsaBench bench = new DsaBench().Started();
        MapAllBut(bench, missing, 0x5a);
        uint length = (Pages * 0x1000) - 100, done = missing == 0 ? 0 : ((uint)missing * 0x1000) - 100;
        DsaCompletionRecord record = bench.Run(
            bench.New(DsaOpcode.Memmove) with { SrcAddr = Hole + 100, DstAddr = DsaBench.Base, XferSize = length });
        Assert.Equal(((byte)DsaStatus.PageFaultNobof, done), (record.Status, record.BytesCompleted));
        Assert.Equal(missing == 0 ? Hole + 100 : Hole + ((ulong)missing * 0x1000), record.FaultAddr);
        byte[] target = bench.Bytes(DsaBench.Base, (int)length);
        Assert.Equal(-1, target.AsSpan(0, (int)done).IndexOfAnyExcept((byte)0x5a));
        Assert.Equal(-1, target.AsSpan((int)done).IndexOfAnyExcept((byte)0));
    }

    [Theory]
    [MemberData(nameof(EachPage))]
    public void AFillTellsWhereATargetPageIsMissing(int missing)
    {
        using DsaBench bench = new DsaBench().Started();
        HostBlock?[] pages = MapAllBut(bench, missing, 0);
        DsaCompletionRecord record = bench.Run(
            bench.New(DsaOpcode.Memfill) with { Pattern = ulong.MaxValue, DstAddr = Hole, XferSize = Pages * 0x1000 });
        Assert.Equal((byte)((byte)DsaStatus.PageFaultNobof | DsaCompletionRecord.StatusWrite), record.Status);
        Assert.Equal((Hole + ((ulong)missing * 0x1000), (uint)missing * 0x1000),
            (record.FaultAddr, record.BytesCompleted));
        for (int page = 0; page < Pages; page++)
            if (page != missing) Assert.Equal(page < missing ? ulong.MaxValue : 0, pages[page]!.Read<ulong>(0xff8));
    }

    [Theory]
    [MemberData(nameof(EachPage))]
    public void AMoveDownwardsDoesWhatIsAboveTheFault(int missing)
    {
        using DsaBench bench = new DsaBench().Started();
        HostBlock?[] pages = MapAllBut(bench, missing, 1);
        if (missing < Pages - 1) pages[Pages - 1]!.Write(0xff8, 0x77ul);
        DsaCompletionRecord record = bench.Run(bench.New(DsaOpcode.Memmove) with
        {
            SrcAddr = Hole,
            DstAddr = Hole + 0x10,
            XferSize = (Pages * 0x1000) - 0x10
        });
        Assert.Equal(((byte)DsaStatus.PageFaultNobof, (byte)1), ((byte)(record.Status & 0x7f), record.Result));
        Assert.InRange(record.FaultAddr, Hole + ((ulong)missing * 0x1000), Hole + ((ulong)missing * 0x1000) + 0xfff);
        Assert.InRange((int)record.BytesCompleted, Math.Max(0, ((Pages - missing - 1) * 0x1000) - 0x10),
            (Pages - missing - 1) * 0x1000);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void WithBlockOnFaultThePageIsAskedFor(bool comes)
    {
        using DsaBench bench = new DsaBench().Started(mode: 0x13);
        HostBlock?[] pages = MapAllBut(bench, 3, 9);
        var pager = new Pager(bench, group =>
        {
            if (comes) pages[3] = bench.Slots.Map(Hole + 0x3000, 0x1000, 9).Block;
            group.Respond(comes ? PageResponse.Success : PageResponse.Invalid);
        });
        DsaDescriptor move = bench.New(DsaOpcode.Memmove, flags: DsaFlags.BlockOnFault) with
        {
            SrcAddr = Hole,
            DstAddr = DsaBench.Base,
            XferSize = Pages * 0x1000
        };
        DsaCompletionRecord record = bench.Run(move);
        PageRequest request = Assert.Single(pager.Requests);
        Assert.Equal((new Iova(Hole + 0x3000), PageRequestAccess.Read, true),
            (request.Address, request.Access, request.IsLast));
        Assert.Equal(comes ? (byte)DsaStatus.Success : (byte)DsaStatus.PageFaultIr, record.Status);
        Assert.Equal(comes ? 0 : 0x3000u, record.BytesCompleted);
        if (comes) Assert.Equal(-1, bench.Bytes(DsaBench.Base, Pages * 0x1000).AsSpan().IndexOfAnyExcept((byte)9));
    }

    [Theory]
    [InlineData(DsaCommandOf.Abort)]
    [InlineData(DsaCommandOf.Reset)]
    [InlineData(DsaCommandOf.FunctionReset)]
    public void WhoWaitsForAPageCanBeAborted(DsaCommandOf how)
    {
        using DsaBench bench = new DsaBench().Started(mode: 0x13);
        using var hold = new Hold(bench);
        if (how == DsaCommandOf.FunctionReset) bench.Slots.Slot.Reset();
        else Assert.Equal(0u, bench.Do(how == DsaCommandOf.Abort ? DsaCommand.AbortAll : DsaCommand.ResetDevice));
        hold.Answer(PageResponse.Success); // too late, and of no consequence
        Assert.Equal(0ul, bench.SoftwareError & 1);
        if (how == DsaCommandOf.Abort)
            Assert.Equal((byte)DsaStatus.Success, bench.Run(bench.New(DsaOpcode.Noop)).Status);
    }

    [Fact]
    public void ARecordThatCannotBeWrittenIsASoftwareError()
    {
        using DsaBench bench = new DsaBench().Started();
        bench.Slots.Slot.Write(0, 0x88, 4, 1);
        bench.Submit(bench.New(DsaOpcode.Noop) with { CompletionAddr = Hole });
        SlotBench.Until(() => bench.Slots.Messages == 1);
        Assert.Equal((0, 1u), (bench.Slots.LastVector, (uint)bench.Slots.Slot.Read(0, 0x98, 4)));
        Assert.Equal(0x1a0dul, bench.SoftwareError & 0xffff); // valid, with descriptor and queue
        Assert.Equal(Hole, bench.Slots.Slot.Read(0, 0xd0, 8));
        bench.Submit(bench.New(DsaOpcode.Noop) with { CompletionAddr = DsaBench.Base + 8 }); // not aligned
        SlotBench.Until(() => (bench.SoftwareError & 2) != 0);
        Assert.Equal(0x1a0ful, bench.SoftwareError & 0xffff); // the first one stays
        bench.Slots.Slot.Write(0, 0xc0, 8, 3);
        Assert.Equal(0u, bench.SoftwareError & 3);
        bench.Slots.Slot.Write(0, 0x98, 4, 1);
        Assert.Equal(0u, bench.Slots.Slot.Read(0, 0x98, 4));
    }

    [Fact]
    public void AnAddressSpaceThatIsNotThereIsNoPageFault()
    {
        using DsaBench bench = new DsaBench().Started(mode: 0x11 | (1 << 28) | (7 << 8)); // PASID 7
        bench.Slots.Endpoint.Attach(new Pasid(7), bench.Slots.Domain);
        Assert.Equal((byte)DsaStatus.Success, bench.Run(bench.New(DsaOpcode.Noop)).Status);
        bench.Slots.Endpoint.Attach(new Pasid(7), null);
        bench.Submit(bench.New(DsaOpcode.Noop)); // nor can its record be written
        SlotBench.Until(() => (bench.SoftwareError & 1) != 0);
        Assert.Equal(((ulong)DsaStatus.CraXlat, 7ul),
            ((bench.SoftwareError >> 8) & 0xff, (bench.SoftwareError >> 40) & 0xfffff));
    }

    /// <summary>How work is made to end.</summary>
    public enum DsaCommandOf
    {
        /// <summary>By the abort command.</summary>
        Abort,

        /// <summary>By the reset command.</summary>
        Reset,

        /// <summary>By the function's reset.</summary>
        FunctionReset,
    }

    private static HostBlock?[] MapAllBut(DsaBench bench, int missing, byte fill) =>
        [.. Enumerable.Range(0, Pages)
            .Select(p => p == missing ? null : bench.Slots.Map(Hole + ((ulong)p * 0x1000), 0x1000, fill).Block)];
}
