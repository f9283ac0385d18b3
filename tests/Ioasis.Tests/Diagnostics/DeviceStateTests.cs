using System.Text;
using System.Text.Json;
using Ioasis.Abi;
using Ioasis.Client;
using Ioasis.Diagnostics;
using Ioasis.Diagnostics.State;
using Ioasis.Host.Control;
using Ioasis.Machine;
using Ioasis.Machine.Description;
using Ioasis.Memory;
using Ioasis.Tests.Mdevs;

namespace Ioasis.Tests.Diagnostics;

/// <summary>What is told of devices: engines, mdevs, vDPA devices, and what the address spaces they use are.</summary>
public sealed class DeviceStateTests
{
    private const ulong Length = 4096;
    private static readonly RequesterId s_function = new(0x1000, 0, 4, 0); // a dmatest

    [Fact]
    public void AnEngineIsThereFromItsFirstCommandOnAndBusyWhileItRuns()
    {
        using var machine = SoftwareMachine.Create(MachineDescription.Default);
        var answers = new ControlAnswers(machine, 7, ["program"]);
        using NodeTransport nodes = NodeTransport.InProcess(machine);
        using IommuContext iommu = IommuContext.Open(nodes);
        using VfioDevice device = VfioDevice.Open(nodes, s_function);
        device.Bind(iommu);
        Assert.Empty(Device(answers).Engines);
        VfioRegion registers = device.GetRegion(0);
        registers.Write(0x10, 8u); // length
        registers.Write(0x08, 3u); // a command: nothing is mapped, so it ends with an error
        string name = Wait(() => Device(answers).Engines, engines => engines is [{ IsBusy: false }])[0].Name;
        Assert.Equal("dmatest DMA", name);
    }

    [Theory]
    [InlineData("dmatest@1000:00:05.0,mdevs=1", "dmatest-1ch", true)]
    [InlineData("edus", "edu-1", false)]
    public void AnMdevTellsItsParentAndWhatItIsAttachedTo(string device, string type, bool isPart)
    {
        using var machine = new MdevMachine(device);
        var answers = new ControlAnswers(machine.Machine, 7, ["program"]);
        MachineMdev mdev = machine.Machine.CreateMdev(type, machine.Machine.MdevParents[0].Name, Guid.NewGuid());
        using IommuContext context = IommuContext.Open(machine.Nodes);
        using Ioas ioas = context.AllocateIoas();
        using VfioDevice file = VfioDevice.Open(machine.Nodes, mdev.VfioNode);
        file.Bind(context);
        MdevState before = Assert.Single(Read(answers).Mdevs);
        Assert.Equal((mdev.Uuid.ToString(), type, mdev.Parent, mdev.VfioNode),
            (before.Mdev, before.Type, before.Parent, before.Node));
        Assert.Null(before.Ioas);
        Assert.Empty(before.Attachments);
        file.Attach(ioas);
        MdevState after = Assert.Single(Read(answers).Mdevs);
        if (isPart)
        {
            AttachmentState attachment = Assert.Single(after.Attachments);
            Assert.Equal((after.Pasid, "hwpt"), (attachment.Pasid, attachment.Domain));
            Assert.NotNull(after.Pasid);
        }
        else
        {
            Assert.Equal((ioas.Id, (uint?)null), (after.Ioas, after.Pasid));
            Assert.NotNull(after.Context);
        }
    }

    [Fact]
    public void AVdpaDeviceTellsWhatItIs()
    {
        MachineDescription description = MachineDescription.Default.WithDevice("virtio-net@n0,vdpa");
        using var machine = SoftwareMachine.Create(description);
        VdpaState vdpa = Assert.Single(Read(new ControlAnswers(machine, 7, ["program"])).Vdpa);
        Assert.Equal(("n0", 1, "/dev/vhost-vdpa-0", 0), (vdpa.Device, vdpa.DeviceId, vdpa.Node, vdpa.Status));
        Assert.NotEqual(0, vdpa.Queues);
    }

    [Fact]
    public void ADeviceOnPointersOfAProcessNamesTheProcess()
    {
        using var machine = SoftwareMachine.Create(MachineDescription.Default);
        var answers = new ControlAnswers(machine, 7, ["program"]);
        using NodeTransport nodes = NodeTransport.InProcess(machine);
        using SvaContext sva = SvaContext.Open(nodes);
        using IommuContext iommu = IommuContext.Open(nodes);
        using VfioDevice device = VfioDevice.Open(nodes, s_function);
        device.Bind(iommu);
        Pasid pasid = sva.BindProcess();
        device.Attach(sva, pasid);
        AttachmentState attachment = Device(answers).Attachments.Single(a => a.Pasid == pasid.Value);
        Assert.Equal(Environment.ProcessId, attachment.Process);
    }

    [Fact]
    public void ANestedPageTableTellsItsFirstStage()
    {
        using var machine = SoftwareMachine.Create(MachineDescription.Default);
        var answers = new ControlAnswers(machine, 7, ["program"]);
        using NodeTransport nodes = NodeTransport.InProcess(machine);
        using IommuContext iommu = IommuContext.Open(nodes);
        using VfioDevice device = VfioDevice.Open(nodes, s_function);
        device.Bind(iommu);
        using Ioas ioas = iommu.AllocateIoas();
        using UserMemory memory = nodes.Allocate(Length);
        ioas.Map(memory, at: new Iova(0x5000));
        using Hwpt parent = iommu.AllocateHwpt(device, ioas, HwptOptions.NestParent);
        using NestedHwpt nested = iommu.AllocateNestedHwpt(device, parent,
            new IommuHwptVtdS1 { PgtblAddr = 0x5000, AddrWidth = 48, Flags = IommufdH.IOMMU_VTD_S1_SRE });
        ObjectState state = Read(answers).Contexts.Single().Objects.Single(o => o.Id == nested.Id);
        Assert.Equal(("x64", 0x5000UL, 48), (state.FirstStage!.Format, state.FirstStage.Root,
            state.FirstStage.AddressBits));
        Assert.Equal(["SRE"], state.FirstStage.Flags);
        Assert.Equal(parent.Id, state.Parent);
    }

    private static DeviceState Device(ControlAnswers answers) =>
        Read(answers).Devices.Single(d => d.Device == s_function.ToString());

    private static MachineState Read(ControlAnswers answers) => JsonSerializer.Deserialize<MachineState>(
        answers.Answer(Encoding.UTF8.GetBytes(JsonSerializer.Serialize(new ControlRequest("state")))),
        DiagnosticsJson.Line)!;

    private static T Wait<T>(Func<T> read, Func<T, bool> wanted)
    {
        DateTime end = DateTime.UtcNow + TimeSpan.FromSeconds(60);
        while (DateTime.UtcNow < end)
            if (read() is { } value && wanted(value)) return value;
        throw new TimeoutException();
    }
}
