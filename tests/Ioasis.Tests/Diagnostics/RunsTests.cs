using System.Diagnostics;
using System.Text;
using System.Text.Json;
using Ioasis.Abi;
using Ioasis.Client;
using Ioasis.Core.Domains;
using Ioasis.Diagnostics;
using Ioasis.Diagnostics.State;
using Ioasis.Host.Control;
using Ioasis.Machine;
using Ioasis.Machine.Description;
using Ioasis.Memory;

namespace Ioasis.Tests.Diagnostics;

/// <summary>A picture of an address space shows what is mapped and what is dirty, however much that is.</summary>
public sealed class RunsTests : IDisposable
{
    private const ulong Page = 4096;
    private static readonly RequesterId s_function = new(0x1000, 0, 4, 0); // a dmatest

    private readonly SoftwareMachine _machine = SoftwareMachine.Create(MachineDescription.Default);
    private readonly ControlAnswers _answers;
    private readonly NodeTransport _nodes;
    private readonly IommuContext _iommu;
    private readonly Ioas _ioas;
    private readonly UserMemory _memory;

    public RunsTests()
    {
        _answers = new ControlAnswers(_machine, 7, ["program"]);
        _nodes = NodeTransport.InProcess(_machine);
        _iommu = IommuContext.Open(_nodes);
        _ioas = _iommu.AllocateIoas();
        _memory = _nodes.Allocate(4 * Page);
    }

    public void Dispose()
    {
        _memory.Dispose();
        _ioas.Dispose();
        _iommu.Dispose();
        _nodes.Dispose();
        _machine.Dispose();
    }

    [Fact]
    public void MappingsThatThePictureCanTellApartAreShownOneByOne()
    {
        Map(0x10000, MapAccess.Read);
        Map(0x11000, MapAccess.ReadWrite);
        Map(0x40000, MapAccess.Write);
        using UserFile file = _nodes.CreateFile((long)(2 * Page));
        _ioas.MapFile(file, Page, Page, MapAccess.Read, new Iova(0x80000));
        MapsState maps = Maps(0, 0xfffff, 1000);
        ulong at = _memory.Address.Value;
        Assert.Equal(
            [
                new MapRunState(0x10000, 0x10fff, "r", false, 1, 4096, at),
                new MapRunState(0x11000, 0x11fff, "rw", false, 1, 4096, at),
                new MapRunState(0x40000, 0x40fff, "w", false, 1, 4096, at),
                new MapRunState(0x80000, 0x80fff, "r", false, 1, 4096, FileOffset: Page),
            ], maps.Runs);
        Assert.Equal((4L, 4 * 4096L, true), (maps.Count, maps.Bytes, maps.IsComplete));
    }

    [Fact]
    public void NeighboursWithinOnePlaceOfThePictureAreOneRun()
    {
        Map(0x10000, MapAccess.Read);
        Map(0x12000, MapAccess.Write);
        Map(0x90000, MapAccess.Read);
        MapsState maps = Maps(0, 0xfffff, 16); // places of 64 KiB
        Assert.Equal(
            [
                new MapRunState(0x10000, 0x12fff, "rw", true, 2, 2 * 4096),
                new MapRunState(0x90000, 0x90fff, "r", false, 1, 4096, _memory.Address.Value),
            ], maps.Runs);
    }

    [Fact]
    public void OnlyTheRangeThatWasAskedForIsShown()
    {
        for (ulong i = 0; i < 8; i++) Map(0x10000 + (i * Page), MapAccess.ReadWrite);
        MapsState maps = Maps(0x11800, 0x13000, 1000); // the ends are within mappings, which count as a whole
        Assert.Equal([0x11000UL, 0x12000, 0x13000], maps.Runs.Select(r => r.First));
        Assert.Equal((3L, 3 * 4096L), (maps.Count, maps.Bytes));
        Assert.Empty(Maps(0x18000, ulong.MaxValue, 1000).Runs);
    }

    [Fact]
    public void AMillionMappingsAreReadInWellUnderASecond()
    {
        const int Count = 1_000_000;
        for (ulong i = 0; i < Count; i++) Map(0x10000 + (i * 2 * Page), MapAccess.Read);
        Maps(0, ulong.MaxValue, 1000); // compiled
        TimeSpan best = TimeSpan.MaxValue;
        MapsState maps = null!;
        for (int round = 0; round < 5; round++)
        {
            long began = Stopwatch.GetTimestamp();
            maps = Maps(0, 0x10000 + (Count * 2 * Page), 1000);
            TimeSpan took = Stopwatch.GetElapsedTime(began);
            if (took < best) best = took;
        }

        Assert.Equal((Count, Count * 4096L, true), (maps.Count, maps.Bytes, maps.IsComplete));
        ulong last = 0x10fff + ((Count - 1) * 2 * Page);
        Assert.Equal([new MapRunState(0x10000, last, "r", false, Count, Count * 4096L)], maps.Runs);
        Assert.True(best < TimeSpan.FromSeconds(1), $"it took {best}");
    }

    [Fact]
    public void DirtyPagesAreShownAndStayDirty()
    {
        using VfioDevice device = VfioDevice.Open(_nodes, s_function);
        device.Bind(_iommu);
        using Hwpt hwpt = _iommu.AllocateHwpt(device, _ioas, HwptOptions.DirtyTracking);
        device.Attach(hwpt);
        _ioas.Map(_memory, MapAccess.ReadWrite, new Iova(0x40000));
        Assert.False(Dirty(hwpt.Id, 0, 0xfffff, 1000).IsTracking);
        var enable = new IommuHwptSetDirtyTracking { Size = 16, HwptId = hwpt.Id, Flags = 1 };
        Assert.True(_iommu.TryIoctl(IommufdH.IOMMU_HWPT_SET_DIRTY_TRACKING, ref enable).IsOk);
        var domain = (PagingDomain)_machine.Devices.Single(d => d.Requester == s_function).Endpoint
            .Attachments(1).Single().Domain;
        domain.MarkDirty(new IovaRange(0x40000, 0x40003));
        domain.MarkDirty(new IovaRange(0x41000, 0x41000));
        domain.MarkDirty(new IovaRange(0x43000, 0x43000));
        for (int round = 0; round < 2; round++)
        {
            DirtyState dirty = Dirty(hwpt.Id, 0, 0xfffff, 1000);
            Assert.Equal((4096L, true, 3L), (dirty.PageSize, dirty.IsTracking, dirty.Dirty));
            Assert.Equal(
                [new DirtyRunState(0x40000, 0x41fff, 2), new DirtyRunState(0x43000, 0x43fff, 1)], dirty.Runs);
        }

        Assert.Equal([new DirtyRunState(0x40000, 0x43fff, 3)], Dirty(hwpt.Id, 0, 0xfffff, 16).Runs);
        Assert.Equal([new DirtyRunState(0x41000, 0x41fff, 1)], Dirty(hwpt.Id, 0x41000, 0x42fff, 16).Runs);
    }

    [Theory]
    [InlineData("maps", 99, 1, 0, 9, 10, "there is no context 99")]
    [InlineData("maps", 1, 77, 0, 9, 10, "object 77 of context 1 is no IOAS")]
    [InlineData("dirty", 1, 1, 0, 9, 10, "object 1 of context 1 is no paging HWPT")]
    [InlineData("maps", 1, 1, 9, 8, 10, "the last address, 0x8, is below the first, 0x9")]
    [InlineData("maps", 1, 1, 0, 9, 0, "0 runs are asked for; expected 1 to 10000")]
    [InlineData("maps", 1, 1, 0, 9, -1, "-1 runs are asked for; expected 1 to 10000")]
    [InlineData("dirty", 1, 1, 0, 9, 10_001, "10001 runs are asked for; expected 1 to 10000")]
    public void AQuestionThatIsWrongGetsASentence(
        string verb, int context, uint id, ulong first, ulong last, int most, string error)
    {
        byte[] line = Ask(new ControlRequest(
            verb, Context: context, Object: id, First: first, Last: last, Most: most));
        Assert.Equal(error, JsonSerializer.Deserialize<ControlAnswer>(line)!.Error);
    }

    private void Map(ulong iova, MapAccess access) =>
        _ioas.Map(_memory.Address, Page, access, new Iova(iova));

    private MapsState Maps(ulong first, ulong last, int most) => JsonSerializer.Deserialize<MapsState>(
        Ask(new ControlRequest("maps", Context: 1, Object: _ioas.Id, First: first, Last: last, Most: most)),
        DiagnosticsJson.Line)!;

    private DirtyState Dirty(uint hwpt, ulong first, ulong last, int most) => JsonSerializer.Deserialize<DirtyState>(
        Ask(new ControlRequest("dirty", Context: 1, Object: hwpt, First: first, Last: last, Most: most)),
        DiagnosticsJson.Line)!;

    private byte[] Ask(ControlRequest request) => _answers.Answer(
        Encoding.UTF8.GetBytes(JsonSerializer.Serialize(request)));
}
