using System.Text;
using System.Text.Json;
using Ioasis.Client;
using Ioasis.Core.Domains;
using Ioasis.Diagnostics;
using Ioasis.Diagnostics.State;
using Ioasis.Host.Control;
using Ioasis.Machine;
using Ioasis.Machine.Description;
using Ioasis.Memory;

namespace Ioasis.Tests.Diagnostics;

/// <summary>What is told of a machine is what programs made in it.</summary>
public sealed class StateTests : IDisposable
{
    private static readonly RequesterId s_function = new(0x1000, 0, 4, 0); // a dmatest

    private readonly SoftwareMachine _machine = SoftwareMachine.Create(MachineDescription.Default);
    private readonly ControlAnswers _answers;
    private readonly NodeTransport _nodes;

    public StateTests()
    {
        _answers = new ControlAnswers(_machine, 7, ["program", "argument"]);
        _nodes = NodeTransport.InProcess(_machine);
    }

    public void Dispose()
    {
        _nodes.Dispose();
        _machine.Dispose();
    }

    [Fact]
    public void AnIdleMachineHasItsDevicesOnTheirDefaultDomains()
    {
        MachineState state = Read();
        Assert.Empty(state.Files);
        Assert.Empty(state.Contexts);
        Assert.Equal(_machine.Devices.Select(d => d.Requester.ToString()), state.Devices.Select(d => d.Device));
        Assert.All(state.Devices, d => Assert.Equal(
            [new AttachmentState(null, "default")], d.Attachments));
        Assert.All(state.Devices, d => Assert.Equal("vfio-pci", d.Driver));
        Assert.Equal(_machine.Devices.Select(d => d.Group).Distinct().Order(), state.Groups.Select(g => g.Group));
        Assert.All(state.Groups, g => Assert.Equal(("DMA", 0), (g.Type, g.Claims)));
        Assert.Equal(_machine.Units.Select(u => new UnitState(u.Name, 0)), state.Units);
    }

    [Fact]
    public void ObjectsAreThereWithTheirIdsAndGoAway()
    {
        using IommuContext iommu = IommuContext.Open(_nodes);
        using VfioDevice device = VfioDevice.Open(_nodes, s_function);
        device.Bind(iommu);
        using Ioas ioas = iommu.AllocateIoas();
        using UserMemory memory = _nodes.Allocate(8192);
        Iova at = ioas.Map(memory, MapAccess.Read, new Iova(0x40000));
        using UserFile file = _nodes.CreateFile(8192);
        ioas.MapFile(file, 4096, 4096, MapAccess.ReadWrite, new Iova(0x80000));
        using Hwpt parent = iommu.AllocateHwpt(device, ioas, HwptOptions.Pasid);
        using FaultQueue faults = iommu.AllocateFaultQueue();
        uint automatic = device.Attach(ioas);
        device.EnableBusMaster();

        MachineState state = Read();
        Assert.Equal(["/dev/iommu", NodeOf(s_function)], state.Files.Select(f => f.Path));
        Assert.All(state.Files, f => Assert.Equal(Environment.ProcessId, f.Process));
        ContextState context = Assert.Single(state.Contexts);
        Assert.Equal((state.Files[0].Number, "/dev/iommu", true), (context.Context, context.Path, context.IsOpen));
        Assert.True(context.ChargedBytes > 0);
        Dictionary<uint, ObjectState> objects = context.Objects.ToDictionary(o => o.Id);
        Assert.Equal(("device", s_function.ToString()), (objects[device.Id].Kind, objects[device.Id].Device));
        ObjectState space = objects[ioas.Id];
        Assert.Equal(("ioas", 2L, 12288L), (space.Kind, space.MapCount, space.MappedBytes));
        Assert.Equal(
            [
                new MapState(at.Value, at.Value + 8191, "r", memory.Address.Value, null),
                new MapState(0x80000, 0x80fff, "rw", null, 4096),
            ],
            space.Maps);
        Assert.Equal(
            ioas.GetIovaRanges().Select(r => (r.First, r.Last)), space.IovaRanges!.Select(r => (r.First, r.Last)));
        Assert.Equal(("hwpt_paging", ioas.Id), (objects[parent.Id].Kind, objects[parent.Id].Ioas));
        Assert.Equal(["pasid"], objects[parent.Id].Flags);
        Assert.Equal(["auto"], objects[automatic].Flags);
        ObjectState queue = objects[faults.Id];
        Assert.Equal(("fault", 0, 0), (queue.Kind, queue.Unread, queue.Unanswered));
        DeviceState shown = state.Devices.Single(d => d.Device == s_function.ToString());
        Assert.True(shown.CanSend);
        Assert.Equal([new AttachmentState(null, "hwpt", context.Context, automatic)], shown.Attachments);
        Assert.Equal(1, state.Groups.Single(g => g.Group == shown.Group).Claims);

        ioas.Unmap(at, 8192);
        parent.Dispose();
        context = Assert.Single(Read().Contexts);
        Assert.Equal(1, context.Objects.Single(o => o.Id == ioas.Id).MapCount);
        Assert.DoesNotContain(context.Objects, o => o.Id == parent.Id);
    }

    [Fact]
    public void AContextStaysAfterItsFileWhileADeviceIsBound()
    {
        VfioDevice device = VfioDevice.Open(_nodes, s_function);
        using (IommuContext iommu = IommuContext.Open(_nodes)) device.Bind(iommu);
        MachineState state = Read();
        Assert.False(Assert.Single(state.Contexts).IsOpen);
        Assert.Equal([NodeOf(s_function)], state.Files.Select(f => f.Path));
        device.Dispose();
        state = Read();
        Assert.Empty(state.Contexts);
        Assert.Empty(state.Files);
    }

    [Fact]
    public void OfManyMappingsAllAreCountedAndTheLowestListed()
    {
        const int Count = (2 * StateReader.MostListed) + 1;
        using IommuContext iommu = IommuContext.Open(_nodes);
        using Ioas ioas = iommu.AllocateIoas();
        using UserMemory memory = _nodes.Allocate(4096);
        for (uint i = 0; i < Count; i++) ioas.Map(memory, MapAccess.ReadWrite, new Iova((Count - i) * 0x2000));
        ObjectState space = Assert.Single(Assert.Single(Read().Contexts).Objects);
        Assert.Equal((Count, Count * 4096L), (space.MapCount, space.MappedBytes));
        IEnumerable<ulong> lowest = Enumerable.Range(1, StateReader.MostListed).Select(i => (ulong)i * 0x2000);
        Assert.Equal(lowest, space.Maps!.Select(m => m.First));
    }

    [Fact]
    public void TheProgramAndItsSupervisorAreNamed()
    {
        byte[] line = Ask(new ControlRequest("version"));
        ProgramVersion version = JsonSerializer.Deserialize<ProgramVersion>(line, DiagnosticsJson.Line)!;
        Assert.Equal((7, Environment.ProcessId), (version.Program, version.Supervisor));
        Assert.Equal(["program", "argument"], version.Command);
        Assert.InRange(DateTimeOffset.UtcNow - version.Started, TimeSpan.Zero, TimeSpan.FromMinutes(5));
    }

    [Fact]
    public void AddressesAreTextThatIsReadBack()
    {
        var range = new RangeState(0, ulong.MaxValue);
        string json = JsonSerializer.Serialize(range, DiagnosticsJson.Line);
        Assert.Equal("""{"first":"0x0","last":"0xffffffffffffffff"}""", json);
        Assert.Equal(range, JsonSerializer.Deserialize<RangeState>(json, DiagnosticsJson.Line));
        Assert.Throws<JsonException>(
            () => JsonSerializer.Deserialize<RangeState>("""{"first":"12","last":"0x1"}""", DiagnosticsJson.Line));
    }

    private string NodeOf(RequesterId function) => _machine.Devices.Single(d => d.Requester == function).VfioNode;

    private MachineState Read() =>
        JsonSerializer.Deserialize<MachineState>(Ask(new ControlRequest("state")), DiagnosticsJson.Line)!;

    private byte[] Ask(ControlRequest request) => _answers.Answer(
        Encoding.UTF8.GetBytes(JsonSerializer.Serialize(request)));
}
