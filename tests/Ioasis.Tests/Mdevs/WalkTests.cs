using Ioasis.Client;
using Ioasis.Core.Domains;
using Ioasis.Core.Faults;
using Ioasis.Core.Walks;
using Ioasis.Machine;
using Ioasis.Memory;

namespace Ioasis.Tests.Mdevs;

/// <summary>How an address of an mdev is translated, as it is shown.</summary>
public sealed class WalkTests
{
    private const ulong Page = 4096;
    private static readonly Iova s_at = new(0x100000);

    [Theory]
    [InlineData("dmatest@1000:00:05.0,mdevs=1", "dmatest-1ch", "requests of the mdev: attached to a HWPT of an IOAS")]
    [InlineData("edus", "edu-1", "accesses of the mdev: attached to an IOAS")]
    public void AWalkFindsWhatTheMdevWould(string device, string type, string attached)
    {
        using var machine = new MdevMachine(device);
        MachineMdev mdev = machine.Machine.CreateMdev(type, machine.Machine.MdevParents[0].Name, Guid.NewGuid());
        Assert.True(mdev.Walk(null, s_at, write: false).Reason != FaultReason.None);
        using IommuContext context = IommuContext.Open(machine.Nodes);
        using UserMemory memory = machine.Nodes.Allocate(Page);
        using Ioas ioas = context.AllocateIoas();
        using (VfioDevice file = VfioDevice.Open(machine.Nodes, mdev.VfioNode))
        {
            file.Bind(context);
            file.EnableBusMaster();
            Assert.Equal(FaultReason.NotAttached, mdev.Walk(null, s_at, write: false).Reason);
            file.Attach(ioas);
            Assert.Equal(FaultReason.NotMapped, mdev.Walk(null, s_at, write: false).Reason);
            ioas.Map(memory, MapAccess.Read, s_at);
            TranslationWalk walk = mdev.Walk(null, new Iova(s_at.Value + 16), write: false);
            Assert.Equal(FaultReason.None, walk.Reason);
            Assert.Equal([attached, "mapping 0x100000-0x100fff, read"], walk.Steps.Select(step => step.Says));
            Assert.Equal(FaultReason.NoPermission, mdev.Walk(null, s_at, write: true).Reason);
            Assert.Equal(FaultReason.NotAttached, mdev.Walk(new Pasid(7), s_at, write: false).Reason);
        }

        Assert.True(mdev.Walk(null, s_at, write: false).Reason != FaultReason.None);
    }
}
