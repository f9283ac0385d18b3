using Ioasis.Machine.Nodes;

namespace Ioasis.Tests.Machine;

/// <summary>/proc/devices and /proc/misc with our devices in them.</summary>
public sealed class DeviceNumbersTests
{
    [Theory]
    [InlineData("Character devices:\n  1 mem\n 10 misc\n\nBlock devices:\n259 blkext\n",
            "Character devices:\n  1 mem\n 10 misc\n510 vfio\n511 vfio-dev\n\nBlock devices:\n259 blkext\n")]
    [InlineData("Character devices:\n  1 mem\n511 other\n\nBlock devices:\n",
            "Character devices:\n  1 mem\n510 vfio\n511 other\n511 vfio-dev\n\nBlock devices:\n")]
    [InlineData("", "Character devices:\n510 vfio\n511 vfio-dev\n")]
    public void MajorsStandInTheirOrder(string text, string wanted) =>
        Assert.Equal(wanted, DeviceNumbers.AddMajors(text, [(510, "vfio"), (511, "vfio-dev")]));

    [Fact]
    public void MinorsStandBeforeTheHosts() =>
        Assert.Equal("124 iommu\n  7 vfio\n229 fuse\n",
            DeviceNumbers.AddMiscellaneous("229 fuse\n", [(124, "iommu"), (7, "vfio")]));
}
