using Ioasis.Client;
using Ioasis.Core.Faults;
using Ioasis.Core.Observation;
using Ioasis.Iommufd.Objects;
using Ioasis.Machine;
using Ioasis.Machine.Description;
using Ioasis.Memory;
using Ioasis.Tests.Core;

namespace Ioasis.Tests.Machine;

/// <summary>
/// An observer of a machine sees all of a program's work with a device, from the first open to the last close.
/// </summary>
public sealed class ObservedMachineTests
{
    private const ulong Address = 0x00, Command = 0x08;

    [Fact]
    public void AProgramIsSeenFromItsFirstOpenToItsLastClose()
    {
        using SoftwareMachine machine = SoftwareMachine.Create(MachineDescription.Default);
        var seen = new EventRecorder();
        machine.Observers.Add(seen);
        var function = new RequesterId(0x1000, 0, 4, 0); // a dmatest
        string node = machine.Devices.Single(d => d.Requester == function).Vfio.Path;
        using (NodeTransport nodes = NodeTransport.InProcess(machine))
        {
            using IommuContext iommu = IommuContext.Open(nodes);
            using VfioDevice device = VfioDevice.Open(nodes, function);
            device.Bind(iommu);
            using Ioas ioas = iommu.AllocateIoas();
            device.Attach(ioas);
            device.EnableBusMaster();
            using UserMemory memory = nodes.Allocate(4096);
            Iova iova = ioas.Map(memory);
            VfioRegion registers = device.GetRegion(0);
            registers.Write(Address, iova.Value);
            Run(registers);
            Assert.Empty(seen.Of<FaultEvent>());
            ioas.Unmap(iova, 4096);
            Run(registers);
            MapEvent map = Assert.Single(seen.Of<MapEvent>());
            Assert.Equal((iova.Value, memory.Address.Value), (map.Range.First, map.Memory.Address));
        }

        BindEvent bound = Assert.Single(seen.Of<BindEvent>());
        Assert.Equal((function, null), (bound.Endpoint!.Id.Requester, bound.Pasid));
        Assert.Same(seen.Of<OpenEvent>()[0].File, bound.Context);
        AttachEvent[] attached = [.. seen.Of<AttachEvent>()]; // the last one is to the default domain
        Assert.Equal([bound.Device, bound.Endpoint.Group], attached.Select(a => a.Owner));
        Assert.Same(bound.Device, Assert.Single(seen.Of<UnbindEvent>()).Device);
        FaultEvent fault = Assert.Single(seen.Of<FaultEvent>());
        Assert.Equal(FaultReason.NotMapped, fault.Reason);
        Assert.Equal(1, machine.Units.Sum(u => u.Faults.Count));
        OpenEvent[] opened = [.. seen.Of<OpenEvent>()];
        Assert.Equal(["/dev/iommu", node], opened.Select(o => o.Path));
        Assert.All(opened, o => Assert.Equal(Environment.ProcessId, o.Process));
        Assert.IsType<IommufdContext>(opened[0].File);
        Assert.Equal(opened.Select(o => o.File).Reverse(), seen.Of<CloseEvent>().Select(c => c.File));
        Assert.Equal(Enumerable.Range(1, seen.Stamps.Count).Select(n => (long)n), seen.Stamps.Select(s => s.Sequence));
        Assert.Equal(
            [
                "Open", "Open", "Detach", "Bind", "Reset", "Attach", "Map", "Doorbell", "Unmap", "Doorbell", "Fault",
                "Close", "Reset", "Detach", "Unbind", "Attach", "Close",
            ],
            seen.Events.Select(e => e.GetType().Name.Replace("Event", "", StringComparison.Ordinal)));
    }

    private static void Run(VfioRegion registers)
    {
        registers.Write(Command, 3u); // start, from memory to the device
        Assert.True(SpinWait.SpinUntil(() => (registers.Read<uint>(Command) & 1) == 0, TimeSpan.FromSeconds(60)));
    }
}
