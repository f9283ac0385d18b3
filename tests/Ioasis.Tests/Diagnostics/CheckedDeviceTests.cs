using System.Globalization;
using Ioasis.Abi;
using Ioasis.Client;
using Ioasis.Core.Dma;
using Ioasis.Core.Domains;
using Ioasis.Core.Faults;
using Ioasis.Core.Observation;
using Ioasis.Diagnostics.Check;
using Ioasis.Machine;
using Ioasis.Machine.Description;
using Ioasis.Memory;
using Ioasis.Scenes;

namespace Ioasis.Tests.Diagnostics;

/// <summary>Mistakes that only show within an access: stale translations, and DMA that is under way.</summary>
public sealed class CheckedDeviceTests : IDisposable
{
    private const ulong GuestLength = 4 << 20, Data = 2 << 20;
    private static readonly Iova s_iova = new(0x1000);

    private readonly SoftwareMachine _machine = SoftwareMachine.Create(MachineDescription.Default);
    private readonly StringWriter _output = new(CultureInfo.InvariantCulture);

    public void Dispose()
    {
        _machine.Dispose();
        _output.Dispose();
    }

    [Theory]
    [InlineData(false, "stale-translation")]
    [InlineData(true, "stale-device-tlb")]
    public void AnInvalidationThatIsForgottenIsFoundWhenTheDeviceUsesTheEntry(bool byDevice, string kind)
    {
        string[] lines = CheckNested(byDevice, (guest, nested, root, use) =>
        {
            use();
            guest.SetLeaf(root, s_iova.Value, Data + DemoGuest.Page);
            use();
        });
        Assert.Contains($"ERROR: Ioasis: {kind}: read at IOVA 0x1000 by ", lines[1], StringComparison.Ordinal);
        Assert.Matches("HWPT [0-9]+ nested on HWPT [0-9]+ of IOAS [0-9]+", lines[1]);
        Assert.Contains("never invalidated since", lines);
        Assert.EndsWith("1 finding", lines[^1], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AUseBeforeTheInvalidationIsNoMistake(bool byDevice) => Assert.Empty(CheckNested(byDevice,
        (guest, nested, root, use) =>
        {
            use();
            guest.SetLeaf(root, s_iova.Value, Data + DemoGuest.Page);
            use();
            nested.Invalidate(X86FirstStage.Pages(s_iova.Value, 1, leafOnly: true));
            use();
            guest.SetLeaf(root, s_iova.Value, Data, rights: DemoGuest.Present | DemoGuest.User);
            nested.Invalidate(X86FirstStage.Pages(s_iova.Value, 1, leafOnly: true));
            use();
        }));

    [Fact]
    public void AnInvalidationOfOtherPagesDoesNotHideTheForgottenOne()
    {
        string[] lines = CheckNested(false, (guest, nested, root, use) =>
        {
            use();
            guest.SetLeaf(root, s_iova.Value, Data + DemoGuest.Page);
            use();
            nested.Invalidate(X86FirstStage.Pages(0x8000, 1, leafOnly: true));
            // the rule is about time: uses that are a tenth of a second apart
            var began = System.Diagnostics.Stopwatch.StartNew();
            Until.True(() => began.ElapsedMilliseconds > 100);
            use();
        });
        Assert.Contains("ERROR: Ioasis: stale-translation: ", lines[1], StringComparison.Ordinal);
        Assert.Contains(lines, l => l.StartsWith(
            "used again after an invalidation of other entries in ioctl(IOMMU_HWPT_INVALIDATE)",
            StringComparison.Ordinal));
    }

    [Fact]
    public void TablesThatTheSecondStageNoLongerHasDoNotSayThatATranslationIsStale()
    {
        Checker checker = Begin();
        using (var board = new DemoBoard(_machine, "dmatest"))
        using (var guest = new DemoGuest(board, GuestLength))
        {
            ulong root = guest.NewPage();
            board.Device.Attach(guest.Nest(root));
            guest.SetLeaf(root, s_iova.Value, Data);
            using DmaPort port = board.Model.Endpoint.OpenPort();
            Assert.True(port.Read(s_iova, new byte[8]).IsOk);
            guest.Ioas.Unmap(Iova.Zero, GuestLength);
            Assert.Equal(FaultReason.NotMapped, port.Read(s_iova, new byte[8]).Reason);
        }

        string[] lines = End(checker);
        Assert.Contains("ERROR: Ioasis: dma-after-unmap: ", lines[1], StringComparison.Ordinal);
        Assert.EndsWith("1 finding", lines[^1], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(4096, true, "unmap-in-flight")]
    [InlineData(4096, false, "detach-in-flight")]
    [InlineData(64, true, null)] // a status
    public void ATranslationThatIsTakenAwayWithinAnAccessIsFound(int length, bool unmaps, string? kind)
    {
        Checker checker = Begin();
        using (var board = new DemoBoard(_machine, "dmatest"))
        using (Ioas ioas = board.Context.AllocateIoas())
        using (UserMemory memory = board.Nodes.Allocate(4096))
        {
            board.Device.Attach(ioas);
            ioas.Map(memory, MapAccess.ReadWrite, s_iova);
            using DmaPort port = board.Model.Endpoint.OpenPort();
            var told = new TakenAway();
            _machine.Observers.Add(told);
            using StoppedThread access = StoppedThread.At(
                "DmaPort.UnderWay", () => Assert.True(port.Write(s_iova, new byte[length]).IsOk));
            var takes = new Thread(() =>
            {
                if (unmaps) ioas.Unmap(s_iova, 4096);
                else board.Device.Detach();
            });
            takes.Start();
            Assert.True(told.Event.Wait(Until.Patience, TestContext.Current.CancellationToken));
            access.GoOn();
            Assert.True(takes.Join(Until.Patience));
            _machine.Observers.Remove(told);
        }

        string[] lines = End(checker);
        if (kind is null)
        {
            Assert.Empty(lines);
            return;
        }

        Assert.Contains($"ERROR: Ioasis: {kind}: write of {length} bytes at IOVA 0x1000 by ", lines[1],
            StringComparison.Ordinal);
        Assert.Matches(unmaps
            ? @"^unmapped in ioctl\(IOMMU_IOAS_UNMAP\), call [0-9]+$"
            : @"^HWPT [0-9]+ of IOAS [0-9]+ was detached in ioctl\(VFIO_DEVICE_DETACH_IOMMUFD_PT\), call [0-9]+$",
            lines[2]);
    }

    [Theory]
    [InlineData(true, After.Nothing, "unmap-in-flight")]
    [InlineData(false, After.Nothing, "detach-in-flight")]
    [InlineData(true, After.Status, null)]
    [InlineData(false, After.Status, null)]
    [InlineData(true, After.Register, null)]
    [InlineData(true, After.Bytes, null)]
    [InlineData(true, After.ShortAccess, null)]
    public void ACommandIsUnderWayUntilItsDeviceShowsSomething(bool unmaps, After after, string? kind)
    {
        string[] lines = CheckCommand((board, ioas, port) =>
        {
            Assert.True(port.Write(s_iova, new byte[after == After.ShortAccess ? 64 : 65]).IsOk);
            if (after == After.Status) Assert.True(port.Write(new Iova(0x1ff8), new byte[8]).IsOk);
            if (after is After.Register or After.Bytes)
                board.Model.Endpoint.Progress(mayBeDone: after == After.Register);
            if (unmaps) ioas.Unmap(s_iova, 4096);
            else board.Device.Detach();
        });
        if (kind is null)
        {
            Assert.Empty(lines);
            return;
        }

        Assert.Contains($"ERROR: Ioasis: {kind}: write of 65 bytes at IOVA 0x1000 by ", lines[1],
            StringComparison.Ordinal);
        Assert.EndsWith(" belongs to a command that is under way", lines[1], StringComparison.Ordinal);
        Assert.Contains(" in ioctl(", lines[2], StringComparison.Ordinal);
        Assert.EndsWith("1 finding", lines[^1], StringComparison.Ordinal);
    }

    [Fact]
    public void ADeviceThatIsResetAfterTheUnmapWasDrainedTooLate()
    {
        string[] lines = CheckCommand((board, ioas, port) =>
        {
            Assert.True(port.Read(s_iova, new byte[4096]).IsOk);
            ioas.Unmap(s_iova, 4096);
            board.Device.Reset();
        });
        Assert.Contains("ERROR: Ioasis: drain-order: read of 4096 bytes", lines[1], StringComparison.Ordinal);
        Assert.StartsWith("unmapped in ioctl(IOMMU_IOAS_UNMAP), call ", lines[2], StringComparison.Ordinal);
        Assert.StartsWith("reset after that in ioctl(VFIO_DEVICE_RESET), call ", lines[3], StringComparison.Ordinal);
        Assert.EndsWith("1 finding", lines[^1], StringComparison.Ordinal);
    }

    [Fact]
    public void ADeviceThatIsResetBeforeTheUnmapIsDrained() => Assert.Empty(CheckCommand((board, ioas, port) =>
    {
        Assert.True(port.Read(s_iova, new byte[4096]).IsOk);
        board.Device.Reset();
        ioas.Unmap(s_iova, 4096);
    }));

    [Fact]
    public void ACommandThatGoesOnAfterTheUnmapIsReportedAsTheFaultThatItMeets()
    {
        string[] lines = CheckCommand((_, ioas, port) =>
        {
            Assert.True(port.Read(s_iova, new byte[4096]).IsOk);
            ioas.Unmap(s_iova, 4096);
            Assert.Equal(FaultReason.NotMapped, port.Read(s_iova, new byte[4096]).Reason);
        });
        Assert.Contains("ERROR: Ioasis: dma-after-unmap: ", lines[1], StringComparison.Ordinal);
        Assert.EndsWith("1 finding", lines[^1], StringComparison.Ordinal);
    }

    [Fact]
    public void APortThatIsWatchedMovesTheSameBytesAndIsFastAgainAfterwards()
    {
        using var board = new DemoBoard(_machine, "dmatest");
        using Ioas ioas = board.Context.AllocateIoas();
        using UserMemory memory = board.Nodes.Allocate(3 * 4096);
        using DmaPort port = board.Model.Endpoint.OpenPort();
        byte[] bytes = DemoBytes.Of(1), read = new byte[bytes.Length];
        var seen = new Accesses();
        _machine.Observers.Add(seen);
        board.Device.Attach(ioas);
        ioas.Map(memory, MapAccess.ReadWrite, s_iova);
        Assert.True(port.Write(new Iova(0x1800), bytes).IsOk);
        Assert.True(port.Read(new Iova(0x1800), read).IsOk);
        Assert.Equal(bytes, read);
        Assert.True(DemoBytes.Hold(memory, bytes, 0x800));
        Assert.Equal([(0x1800ul, 4096, true), (0x1800ul, 4096, false)], seen.Told);
        _machine.Observers.Remove(seen);
        board.Device.Detach();
        board.Device.Attach(ioas);
        Assert.True(port.Read(new Iova(0x1800), read).IsOk);
        Assert.Null(port.UnderWay);
        Assert.Equal(2, seen.Told.Count);
    }

    /// <summary>What a device does after an access.</summary>
    public enum After
    {
        Nothing,
        Status,
        Register,
        Bytes,
        ShortAccess,
    }

    /// <summary>Checks a program whose device has a page at 0x1000.</summary>
    private string[] CheckCommand(Action<DemoBoard, Ioas, DmaPort> program)
    {
        Checker checker = Begin();
        using (var board = new DemoBoard(_machine, "dmatest"))
        using (Ioas ioas = board.Context.AllocateIoas())
        using (UserMemory memory = board.Nodes.Allocate(4096))
        {
            board.Device.Attach(ioas);
            ioas.Map(memory, MapAccess.ReadWrite, s_iova);
            using DmaPort port = board.Model.Endpoint.OpenPort();
            program(board, ioas, port);
        }

        return End(checker);
    }

    private delegate void NestedProgram(DemoGuest guest, NestedHwpt nested, ulong root, Action use);

    private string[] CheckNested(bool byDevice, NestedProgram program)
    {
        Checker checker = Begin();
        using (var board = new DemoBoard(_machine, "dmatest"))
        using (var guest = new DemoGuest(board, GuestLength))
        {
            ulong root = guest.NewPage();
            NestedHwpt nested = guest.Nest(root);
            board.Device.Attach(nested);
            guest.SetLeaf(root, s_iova.Value, Data);
            using DmaPort port = board.Model.Endpoint.OpenPort(translations: byDevice ? 16 : 0);
            port.UsesDeviceTlb = byDevice;
            Assert.Equal(byDevice, port.UsesDeviceTlb);
            program(guest, nested, root, () => Assert.Equal(FaultReason.None, port.Read(s_iova, new byte[8]).Reason));
        }

        return End(checker);
    }

    private Checker Begin() => new(
        _machine.Observers, e => e.Id.ToString(), new CheckOptions(), Suppressions.None, () => _output);

    private string[] End(Checker checker)
    {
        checker.Dispose();
        return _output.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    private sealed class TakenAway : MachineObserver
    {
        internal ManualResetEventSlim Event { get; } = new();

        public override EventKinds Kinds => EventKinds.Unmap | EventKinds.Detach;

        public override void OnUnmap(in UnmapEvent e) => Event.Set();

        public override void OnDetach(in DetachEvent e) => Event.Set();
    }

    private sealed class Accesses : MachineObserver
    {
        internal List<(ulong, int, bool)> Told { get; } = [];

        public override EventKinds Kinds => EventKinds.Dma;

        public override void OnDma(in DmaEvent e) => Told.Add((e.Access.Iova.Value, e.Access.Length, e.Access.IsWrite));
    }
}
