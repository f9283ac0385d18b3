using Ioasis.Abi;
using Ioasis.Client;
using Ioasis.Memory;

namespace Ioasis.Tests.Mdevs;

/// <summary>Invariant 6: an mdev that was created, used and removed leaves nothing, however often.</summary>
public sealed class CycleTests
{
    private const int Cycles = 1000;
    private const ulong Page = 4096;

    [Theory]
    [InlineData("dmatest@1000:00:05.0,mdevs=1", "/sys/devices/pci1000:00/1000:00:05.0", "dmatest-1ch")]
    [InlineData("nvme@1000:00:05.0,mdevs=1,size=1M", "/sys/devices/pci1000:00/1000:00:05.0", "nvme-1q")]
    [InlineData("edus", "/sys/devices/virtual/edu/edus", "edu-1")]
    [InlineData("mtty", "/sys/devices/virtual/mtty/mtty", "mtty-2")]
    public void CreatingUsingAndRemovingLeavesNothing(string device, string parent, string type)
    {
        using var machine = new MdevMachine(device);
        string[] before = [.. machine.Machine.Paths.Keys.Order(StringComparer.Ordinal)];
        string available = $"{parent}/mdev_supported_types/{type}/available_instances";
        string free = machine.Nodes.ReadAttribute(available);
        using IommuContext context = IommuContext.Open(machine.Nodes);
        using UserMemory memory = machine.Nodes.Allocate(Page);
        var random = new Random(1);
        for (int i = 0; i < Cycles; i++)
        {
            var uuid = new Guid(i, 0, 0, new byte[8]);
            Assert.Equal(Errno.None, machine.Write($"{parent}/mdev_supported_types/{type}/create", $"{uuid}")());
            Func<Errno?> removed = Use(machine, context, memory, random.Next(5),
                () => machine.Write($"{parent}/{uuid}/remove", "1"));
            Assert.Equal(Errno.None, removed());
        }

        Assert.Equal(0, machine.Machine.Pasids.Count);
        Assert.Equal(before, machine.Machine.Paths.Keys.Order(StringComparer.Ordinal));
        Assert.Equal(free, machine.Nodes.ReadAttribute(available));
        Assert.Empty(machine.Machine.Mdevs);
    }

    /// <summary>A program that gets so far; the mdev is removed before or after it closes its file.</summary>
    private static Func<Errno?> Use(
        MdevMachine machine, IommuContext context, UserMemory memory, int steps, Func<Func<Errno?>> remove)
    {
        if (steps == 0) return remove();
        using VfioDevice device = VfioDevice.Open(machine.Nodes, machine.Machine.Mdevs[0].VfioNode);
        if (steps == 1) return remove();
        device.Bind(context);
        if (steps == 2) return remove();
        using Ioas ioas = context.AllocateIoas();
        device.Attach(ioas);
        if (steps == 3) return remove();
        ioas.Map(memory, at: new Iova(0x10000));
        device.EnableBusMaster();
        device.Reset();
        Func<Errno?> removed = remove();
        Assert.Null(removed()); // it waits for this file
        device.Dispose();
        return removed;
    }
}
