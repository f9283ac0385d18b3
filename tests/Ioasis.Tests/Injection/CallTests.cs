using System.Globalization;
using System.Text.Json;
using Ioasis.Abi;
using Ioasis.Client;
using Ioasis.Core.Domains;
using Ioasis.Core.Observation;
using Ioasis.Diagnostics.Injection;
using Ioasis.Diagnostics.State;
using Ioasis.Diagnostics.Trace;
using Ioasis.Machine;
using Ioasis.Machine.Description;
using Ioasis.Memory;
using Ioasis.Tests.Core;

namespace Ioasis.Tests.Injection;

/// <summary>A call that an injector refuses fails with its errno, changes nothing, and is shown.</summary>
public sealed class CallTests
{
    private static readonly RequesterId s_function = new(0x1000, 0, 4, 0); // a dmatest

    [Fact]
    public void ACallThatFailsChangedNothingAndIsMarkedInTheTrace()
    {
        InjectionRules rules = Rules.Of("IOMMU_IOAS_MAP:error=ENOSPC:when=2", "mmap:error=EAGAIN");
        using SoftwareMachine machine = SoftwareMachine.Create(MachineDescription.Default, rules);
        using NodeTransport nodes = NodeTransport.InProcess(machine);
        using var output = new StringWriter(CultureInfo.InvariantCulture);
        var open = new OpenNodes();
        machine.Observers.Add(open);
        using (new Tracer(machine.Observers, machine.NameOf, new TraceOptions { Words = "iommu,vfio,map" }, output))
        {
            using IommuContext iommu = IommuContext.Open(nodes);
            using VfioDevice device = VfioDevice.Open(nodes, s_function);
            device.Bind(iommu);
            using Ioas ioas = iommu.AllocateIoas();
            using UserMemory memory = nodes.Allocate(4096);
            ioas.Map(memory, MapAccess.Read, new Iova(0x40000));
            string before = State(machine, open);
            Assert.Equal(Errno.ENOSPC, Assert.Throws<IommuException>(
                () => ioas.Map(memory, MapAccess.Read, new Iova(0x50000))).Errno);
            Assert.Equal(before, State(machine, open));
            ioas.Map(memory, MapAccess.Read, new Iova(0x50000));
            Assert.NotEqual(before, State(machine, open));
            Assert.Equal(Errno.EAGAIN, device.Handle.TryMap(0, 4096, true, true, true, false, out _));
        }

        string[] lines = output.ToString().Split('\n');
        Assert.EndsWith("iova=0x50000}) = -1 ENOSPC (INJECTED)",
            Assert.Single(lines, l => l.Contains("ENOSPC", StringComparison.Ordinal)), StringComparison.Ordinal);
        Assert.EndsWith("0x0) = -1 EAGAIN (INJECTED)",
            Assert.Single(lines, l => l.Contains("mmap(", StringComparison.Ordinal)), StringComparison.Ordinal);
        Assert.Equal(2, lines.Count(l => l.Contains(" map context=", StringComparison.Ordinal)));
    }

    [Fact]
    public void ANodeThatCannotBeOpenedIsTold()
    {
        InjectionRules rules = Rules.Of("open:error=EMFILE:when=2");
        using SoftwareMachine machine = SoftwareMachine.Create(MachineDescription.Default, rules);
        using NodeTransport nodes = NodeTransport.InProcess(machine);
        var seen = new EventRecorder();
        machine.Observers.Add(seen);
        IommuContext.Open(nodes).Dispose();
        Assert.Equal(Errno.EMFILE, nodes.TryOpen("/dev/iommu", out _));
        IommuContext.Open(nodes).Dispose();
        InjectEvent told = Assert.Single(seen.Of<InjectEvent>());
        Assert.Equal(("/dev/iommu", (int)Errno.EMFILE), (told.Path, told.Errno));
        Assert.Equal(2, seen.Of<OpenEvent>().Count);
        Assert.Equal(2, seen.Of<CloseEvent>().Count);
    }

    private static string State(SoftwareMachine machine, OpenNodes open) => JsonSerializer.Serialize(
        new StateReader(open).Read(
            [.. machine.Devices.Select(d => new DeviceView($"{d.Requester}", d.Model, "vfio-pci", d.Endpoint))],
            machine.Units, machine.Pasids.Count));
}
