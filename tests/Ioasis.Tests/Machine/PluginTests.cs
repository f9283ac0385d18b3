using Ioasis.Abi;
using Ioasis.Iommufd.Ioctls;
using Ioasis.Machine;
using Ioasis.Machine.Description;
using Ioasis.MockIommu;
using Ioasis.MockIommu.Abi;
using Ioasis.MockIommu.Unit;
using Ioasis.Tests.Iommufd;
using static Ioasis.Abi.IommufdH;
using static Ioasis.MockIommu.Abi.IommuTestH;

namespace Ioasis.Tests.Machine;

public sealed class PluginTests
{
    private static readonly string s_assembly = typeof(MockUnit).Assembly.Location;
    private static readonly Lazy<IReadOnlyList<string>> s_loaded = new(() => Plugins.Load(s_assembly));

    /// <summary>Loads the mock IOMMU, once for all tests: what is loaded stays.</summary>
    internal static IReadOnlyList<string> LoadMock() => s_loaded.Value;

    [Fact]
    public void ItTellsWhatItBrings() => Assert.Equal(["IOMMU_TEST_CMD", "mock"], LoadMock().Order());

    [Fact]
    public void ADescriptionNamesADriverOfAPlugin()
    {
        LoadMock();
        MachineDescription description = MachineDescription.Parse("m.json", """
            {
              "units": [{"name": "iommu7", "driver": "mock"}],
              "devices": [{"model": "edu", "address": "00:03.0"}]
            }
            """u8.ToArray());
        using SoftwareMachine machine = SoftwareMachine.Create(description);
        Assert.IsType<MockUnit>(Assert.Single(machine.Units));
        Assert.Equal("iommu7", Assert.Single(machine.Devices).Unit);
        Assert.Contains("/sys/class/iommu/iommu7", machine.Paths.Keys);
        // only VT-d has those
        Assert.DoesNotContain("/sys/devices/virtual/iommu/iommu7/intel-iommu/cap", machine.Paths.Keys);
    }

    [Fact]
    public void ADriverOfAPluginIsToldOnlyWhatItAsksFor()
    {
        LoadMock();
        MachineDescriptionException e = Assert.Throws<MachineDescriptionException>(() =>
            MachineDescription.Parse(
                "m.json", "{\"units\": [{\"name\": \"a\", \"driver\": \"mock\",\n\"pages2M\": true}]}"u8.ToArray()));
        Assert.Equal("m.json:2:12: a unit of the driver mock has no \"pages2M\"; it may have name, driver.", e.Message);
    }

    [Fact]
    public void AnIoctlOfAPluginGoesByTheRulesOfAll()
    {
        LoadMock();
        var machine = new TestMachine();
        var args = new Longer { Command = new IommuTestCmd { Size = 67, Op = 99 } };
        Assert.Equal(Errno.EINVAL, machine.Call(IOMMU_TEST_CMD, ref args));
        args.Command.Size = 68; // all that the first version had
        Assert.Equal(Errno.EOPNOTSUPP, machine.Call(IOMMU_TEST_CMD, ref args));
        (args.Command.Size, args.More) = (80, 1);
        Assert.Equal(Errno.E2BIG, machine.Call(IOMMU_TEST_CMD, ref args));
        args.More = 0;
        Assert.Equal(Errno.EOPNOTSUPP, machine.Call(IOMMU_TEST_CMD, ref args));
        Assert.Equal(Errno.ENOTTY, machine.Call(IOMMU_TEST_CMD - 1, ref args));
        Assert.Equal(Errno.ENOTTY, machine.Call(IOMMU_TEST_CMD | 1 << Ioc.SizeShift, ref args));
    }

    [Theory]
    [InlineData(IOMMU_HW_QUEUE_ALLOC, 68u, "0x3b94 is no number for it; numbers from 0x3bc0 to 0x3bff are")]
    [InlineData(0x3b95u, 68u, "0x3b95 is no number for it; numbers from 0x3bc0 to 0x3bff are")]
    [InlineData(0x3bbfu, 68u, "0x3bbf is no number for it; numbers from 0x3bc0 to 0x3bff are")]
    [InlineData(0xAFA0u, 68u, "0xafa0 is no number for it; numbers from 0x3bc0 to 0x3bff are")]
    [InlineData(0x3bf0u, 3u, "3 is no minimum size for it; 4 to 72 bytes are")]
    [InlineData(0x3bf0u, 73u, "73 is no minimum size for it; 4 to 72 bytes are")]
    [InlineData(IOMMU_TEST_CMD, 68u, "0x3ba0 is IOMMU_TEST_CMD's number")]
    public void ANumberOrSizeThatCannotBeIsRefused(uint number, uint minimum, string complaint)
    {
        LoadMock();
        Assert.Equal(
            complaint, IoctlTable.TryAdd(new TestIoctl().Describe(new IommufdIoctlAttribute("X", number, minimum))));
    }

    [Fact]
    public void ANameIsGivenOnce()
    {
        LoadMock();
        MachineDescriptionException e = Assert.Throws<MachineDescriptionException>(() => Plugins.Load(s_assembly));
        Assert.True(e.Message.Contains("give MockUnit another name", StringComparison.Ordinal)
            || e.Message.Contains("is IOMMU_TEST_CMD's number", StringComparison.Ordinal), e.Message);
    }

    [Fact]
    public void AnAssemblyThatBringsNothingIsRefused()
    {
        MachineDescriptionException e =
            Assert.Throws<MachineDescriptionException>(() => Plugins.Load(typeof(Errno).Assembly.Location));
        Assert.EndsWith("no public class in it has an attribute [DeviceModel(\"name\")], "
            + "[IommuDriver(\"name\")], [MachineNode(\"name\")] or [IommufdIoctl(...)].", e.Message,
            StringComparison.Ordinal);
    }

    private struct Longer
    {
        public IommuTestCmd Command;
        public ulong More;
    }
}
