using Ioasis.Client;
using Ioasis.Memory;
using Ioasis.Testing;

namespace IoasisTest;

/// <summary>Tests of a driver. Each has a machine of its own, with a dmatest in it.</summary>
public sealed class DriverTests() : MachineTest(m => m.With("dmatest"))
{
    [Fact]
    public void TheDeviceReadsMemory()
    {
        using IommuContext iommu = IommuContext.Open(Nodes);
        using VfioDevice device = VfioDevice.Open(Nodes, Nodes.FindVfioNodes()[0].Path);
        device.Bind(iommu);
        using Ioas ioas = iommu.AllocateIoas();
        device.Attach(ioas);
        device.EnableBusMaster();

        using UserMemory memory = Nodes.Allocate(4096);
        using IoasMapping mapping = ioas.CreateMapping(memory);
        memory.Write(0, 0x0123456789abcdefUL);

        VfioRegion registers = device.GetRegion(0), buffer = device.GetRegion(2);
        registers.Write(0x00, mapping.Address.Value);
        registers.Write(0x08, 3u); // start, from memory to the device
        SpinWait.SpinUntil(() => (registers.Read<uint>(0x08) & 1) == 0, TimeSpan.FromSeconds(30));
        Assert.Equal(0x0123456789abcdefUL, buffer.Read<ulong>(0));
        device.Detach();
    }
}
