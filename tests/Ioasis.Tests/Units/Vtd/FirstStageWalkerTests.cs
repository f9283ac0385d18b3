using Ioasis.Memory;
using Ioasis.PageTables;
using Ioasis.PageTables.X64;
using Ioasis.Units.Vtd.FirstStage;

namespace Ioasis.Tests.Units.Vtd;

/// <summary>
/// What the walk does one thing at a time. All that it may come to is <see cref="FirstStagePropertyTests"/>'s.
/// </summary>
public sealed class FirstStageWalkerTests
{
    private const ulong Present = 1, Write = 2, User = 4, Accessed = 0x20, Dirty = 0x40, Extended = 0x400,
        Reserved = 1UL << 50;
    private const int Level4 = 0, Level3 = 4, Level2 = 8, Level1 = 12; // where the entries are that translate the page

    private readonly FirstStageCase _given = Mapped();

    private ulong[] Entries => _given.Memory.Entries;

    [Theory]
    [InlineData(Present | Reserved, FirstStageFault.Reserved)]
    [InlineData(Reserved, FirstStageFault.NotPresent)]
    [InlineData(Present, FirstStageFault.NoUser)]
    [InlineData(Present | User, FirstStageFault.NoWrite)]
    internal void PresenceComesBeforeReservedBitsBeforePrivilegeBeforeWrites(ulong leaf, FirstStageFault expected)
    {
        _given.Write = true;
        Entries[Level1] = 0x9000 | leaf;
        Assert.Equal((expected, (byte)1), (Walk().Fault, Walk().Level));
    }

    [Fact]
    public void AFaultFurtherUpComesFirstAndEntriesAboveAFaultAreAccessed()
    {
        Entries[Level2] &= ~User;
        Entries[Level1] = 0;
        Assert.Equal((FirstStageFault.NoUser, (byte)2), (Walk().Fault, Walk().Level));
        Assert.Equal([Accessed, Accessed, 0], new[] { Level4, Level3, Level2 }.Select(e => Entries[e] & Accessed));
    }

    [Fact]
    public void AWriteThatIsNotPermittedSetsNoDirtyBit()
    {
        _given.Write = true;
        Entries[Level1] &= ~Write;
        Assert.Equal(FirstStageFault.NoWrite, Walk().Fault);
        Assert.Equal(0UL, Entries[Level1] & (Accessed | Dirty));
    }

    [Fact]
    public void ReadOnlyTablesAreFineOnceAllBitsAreSet()
    {
        _given.Write = _given.ExtendedAccessedEnable = true;
        _given.Memory.Stage2[1] = GuestPage.ReadOnly;
        Assert.Equal((FirstStageFault.EntryNoWrite, (byte)3), (Walk().Fault, Walk().Level));
        Entries[Level3] |= Accessed | Extended;
        Assert.True(Walk() is { IsOk: true, Dirty: true });
        for (int page = 0; page < 4; page++) _given.Memory.Stage2[page] = GuestPage.ReadOnly;
        Assert.True(Walk() is { IsOk: true, Dirty: true });
    }

    [Fact]
    public void WhatTheGuestMakesOfAnEntryMeanwhileIsCheckedFromTheStart()
    {
        _given.Memory.ChangeFrom = 3; // the update of the leaf: it was read when still present
        _given.Memory.ChangeCount = 1;
        Assert.Equal((FirstStageFault.NotPresent, (byte)1), (Walk().Fault, Walk().Level));
        Assert.Equal(0UL, Entries[Level1] & (Accessed | Present));
    }

    [Theory]
    [InlineData(39)]
    [InlineData(48)]
    public void TheLastAddressThatStage2TranslatesIsFineAndTheNextIsNot(int bits)
    {
        _given.HostAddressBits = 52;
        _given.SecondStageBits = bits;
        _given.Memory.Frames[3] = (1UL << bits) - 0x1000;
        Entries[Level2] = _given.Memory.Frames[3] | Present | User;
        Entries[Level1] = _given.Memory.Frames[3] | Present | User;
        _given.Iova = 0xfff;
        Assert.Equal((FirstStageFault.None, new Gpa((1UL << bits) - 1)), (Walk().Fault, Walk().Gpa));

        _given.Iova = 0;
        Entries[Level1] = (1UL << bits) | Present | User;
        Assert.Equal((FirstStageFault.PageBeyondSecondStage, (byte)1), (Walk().Fault, Walk().Level));
        Entries[Level2] = (1UL << bits) | Present | User;
        Assert.Equal((FirstStageFault.EntryBeyondSecondStage, (byte)1), (Walk().Fault, Walk().Level));
        _given.Root = 1UL << bits;
        Assert.Equal((FirstStageFault.EntryBeyondSecondStage, (byte)4), (Walk().Fault, Walk().Level));
    }

    [Fact]
    public void AKeptTranslationServesNoMoreThanItsRightsAndItsDirtyBit()
    {
        _given.SupervisorRequestEnable = _given.WriteProtectEnable = true;
        FirstStageTable table = _given.Table;
        FirstStageTranslation read = Walk();
        Assert.True(read.Serves(table, FirstStageAccess.Read));
        Assert.True(read.Serves(table, FirstStageAccess.Supervisor));
        Assert.False(read.Serves(table, FirstStageAccess.Write)); // the leaf must get D first
        Assert.False(read.Serves(table, FirstStageAccess.Execute));

        _given.Write = true;
        Assert.True(Walk().Serves(table, FirstStageAccess.Write));
        FirstStageTranslation supervisors = Walk() with { Rights = X64Rights.None };
        Assert.True(supervisors.Serves(table, FirstStageAccess.Supervisor));
        Assert.False(supervisors.Serves(table, FirstStageAccess.Read));
        Assert.False(supervisors.Serves(table, FirstStageAccess.Supervisor | FirstStageAccess.Write));
        _given.WriteProtectEnable = false;
        Assert.True(supervisors.Serves(_given.Table, FirstStageAccess.Supervisor | FirstStageAccess.Write));
        _given.SupervisorRequestEnable = false;
        Assert.False(supervisors.Serves(_given.Table, FirstStageAccess.Supervisor));
        Assert.False(new FirstStageTranslation(FirstStageFault.NotPresent, 1, default, X64Rights.All, true)
            .Serves(table, FirstStageAccess.Read));
    }

    [Fact]
    public void AnObserverIsToldEachEntryAndEachStep()
    {
        Entries[Level2] &= ~Write;
        List<string> told = [];
        var observer = new Listener(told);
        var memory = new ArenaMemory(_given.Memory);
        FirstStageTable table = _given.Table;
        FirstStageWalker.Walk(in table, table.Top, _given.Request, ref memory, ref observer);
        Assert.Equal(
            ["4 0x1000 = 2007", "next 3 0x2000 All", "3 0x2000 = 3007", "next 2 0x3000 All", "2 0x3000 = 4005",
                "next 1 0x4000 User", "1 0x4000 = 9007"],
            told);
    }

    [Fact]
    public void RightsThatWereLostBeforeTheStepAreLostAfterIt()
    {
        var memory = new ArenaMemory(_given.Memory);
        FirstStageTable table = _given.Table;
        NoObserver nobody = default;
        var step = new FirstStageStep(1, new Gpa(0x4000), X64Rights.User);
        Assert.Equal(X64Rights.User,
            FirstStageWalker.Walk(in table, step, _given.Request, ref memory, ref nobody).Rights);
        _given.Write = true;
        Assert.Equal(FirstStageFault.NoWrite,
            FirstStageWalker.Walk(in table, step, _given.Request, ref memory, ref nobody).Fault);
        Assert.Equal(FirstStageFault.NoUser, FirstStageWalker.Walk(
                in table, new FirstStageStep(step.Level, step.Table, 0), _given.Request, ref memory, ref nobody).Fault);
        Assert.Equal(1, memory.Reads);
    }

    [Fact]
    public void AWalkAllocatesNothing()
    {
        var memory = new ArenaMemory(_given.Memory);
        FirstStageTable table = _given.Table;
        FirstStageRequest request = _given.Request;
        Allocation.None(() => FirstStageWalker.Walk(in table, request, ref memory));
    }

    [Fact]
    public void AGuestThatChangesAnEntryAllTheTimeLosesNoChangeAndStopsNoWalk()
    {
        // The guest counts in the leaf's ignored bits and clears A and D; the unit sets them. Neither may undo the
        // other.
        const int changes = 200_000;
        using var started = new ManualResetEventSlim();
        var guest = new Thread(() =>
        {
            started.Wait();
            for (int i = 0; i < changes; i++)
            {
                ref ulong entry = ref Entries[Level1];
                for (ulong seen = Volatile.Read(ref entry); ; seen = Volatile.Read(ref entry))
                {
                    ulong next = (seen & ~(Accessed | Dirty) & 0x000f_ffff_ffff_ffff)
                        | ((((seen >> 52) + 1) & 0xfff) << 52);
                    if (Interlocked.CompareExchange(ref entry, next, seen) == seen) break;
                }
            }
        });
        guest.Start();
        _given.Write = true;
        var memory = new SharedMemory(_given.Memory);
        FirstStageTable table = _given.Table;
        started.Set();
        int walks = 0;
        do
        {
            FirstStageTranslation got = FirstStageWalker.Walk(in table, _given.Request, ref memory);
            Assert.True(got.IsOk ? got.Dirty : got.Fault == FirstStageFault.UpdateFailed);
            walks++;
        }
        while (guest.IsAlive);
        guest.Join();
        Assert.Equal((ulong)changes & 0xfff, Entries[Level1] >> 52);
        Assert.True(FirstStageWalker.Walk(in table, _given.Request, ref memory).IsOk, $"after {walks} walks");
        Assert.Equal(Accessed | Dirty, Entries[Level1] & (Accessed | Dirty));
    }

    [Fact]
    public void WhatSoftwareCanGiveIsRecoverable()
    {
        FirstStageFault[] recoverable = [.. Enum.GetValues<FirstStageFault>().Where(f => f.IsRecoverable())];
        Assert.Equal([0x71, 0x75, 0x76, 0x77, 0x79, 0x81, 0x85, 0x86], recoverable.Select(f => (int)f));
        Assert.Equal([0x75, 0x76, 0x77, 0x79],
            Enum.GetValues<FirstStageFault>().Where(f => f.IsOfSecondStage()).Select(f => (int)f));
    }

    private FirstStageTranslation Walk()
    {
        var memory = new ArenaMemory(_given.Memory);
        FirstStageTable table = _given.Table;
        return FirstStageWalker.Walk(in table, _given.Request, ref memory);
    }

    /// <summary>IOVA 0 at 0x9000, by tables from 0x1000 to 0x4000; the host has 46 address bits.</summary>
    private static FirstStageCase Mapped()
    {
        var given = new FirstStageCase { Root = 0x1000, Iova = 0x123, HostAddressBits = 46 };
        for (ulong page = 0; page < GuestArena.Pages; page++) given.Memory.Frames[page] = (page + 1) << 12;
        for (int page = 0; page < 4; page++)
            given.Memory.Entries[page * GuestArena.Slots] = (page == 3 ? 0x9000UL : (ulong)(page + 2) << 12) | Present
                | Write | User;
        return given;
    }

    private readonly struct Listener(List<string> told) : IFirstStageObserver
    {
        public void Read(int level, Gpa address, ulong entry) => told.Add($"{level} {address} = {entry:x}");

        public void Descend(FirstStageStep next) => told.Add($"next {next.Level} {next.Table} {next.Rights}");
    }

    /// <summary>The arena as memory that others use at the same time.</summary>
    private readonly struct SharedMemory(GuestArena arena) : ITableMemory
    {
        public TableAccess Read(Gpa address, out ulong entry)
        {
            entry = Volatile.Read(ref At(address));
            return TableAccess.Ok;
        }

        public bool TryRead(Gpa address, out ulong entry) => Read(address, out entry) == TableAccess.Ok;

        public TableAccess CompareExchange(Gpa address, ulong expected, ulong desired, out ulong found)
        {
            found = Interlocked.CompareExchange(ref At(address), desired, expected);
            return TableAccess.Ok;
        }

        private ref ulong At(Gpa address) =>
            ref arena.Entries[GuestArena.Place(arena.PageAt(address.Value), address.Value)];
    }
}
