using System.Text;
using Ioasis.Abi;
using Ioasis.Client;
using Ioasis.Machine;
using Ioasis.Machine.Description;
using Ioasis.Machine.Nodes;
using Ioasis.Memory;

namespace Ioasis.Tests.Machine;

/// <summary>
/// The attributes <c>type</c> and <c>reserved_regions</c> of groups, as Linux 7.2 has them behind an intel-iommu.
/// </summary>
public sealed class GroupTypeTests
{
    private const string Type = "/sys/kernel/iommu_groups/0/type";

    [Theory]
    [InlineData("{}", "DMA")]
    [InlineData("""{ "passthrough": true }""", "identity")]
    [InlineData("""{ "passthrough": true, "strict": false }""", "identity")]
    [InlineData("""{ "strict": false }""", "DMA-FQ")]
    public void TheDescriptionChoosesTheType(string iommu, string type)
    {
        using SoftwareMachine machine = Create($$"""{ "iommu": {{iommu}}, "devices": [ {{Edu(3)}}, {{Edu(4)}} ] }""");
        Assert.Equal(type, Read(machine, Type));
        Assert.Equal(type, Read(machine, "/sys/kernel/iommu_groups/1/type"));
        Assert.Equal(Errno.None, Write(machine, type == "identity" ? "DMA" : "identity"));
        Assert.NotEqual(type, Read(machine, Type));
        Assert.Equal(Errno.None, Write(machine, "auto\n"));
        Assert.Equal(type, Read(machine, Type));
        Assert.Equal(type, Read(machine, "/sys/kernel/iommu_groups/1/type")); // another group's is its own
    }

    [Fact]
    public void AnUntrustedDeviceIsTranslatedStrictly()
    {
        using SoftwareMachine machine = Create($$"""
            { "iommu": { "passthrough": true },
              "devices": [ { "model": "edu", "address": "1000:00:03.0", "untrusted": true }, {{Edu(4)}} ] }
            """);
        Assert.Equal("DMA", Read(machine, Type));
        Assert.Equal(Errno.EINVAL, Write(machine, "identity"));
        Assert.Equal(Errno.None, Write(machine, "auto"));
        Assert.Equal("DMA", Read(machine, Type));
    }

    [Theory]
    [InlineData("identity", Errno.None)]
    [InlineData("identity\n", Errno.None)]
    [InlineData("DMA", Errno.None)]
    [InlineData("DMA-FQ\n", Errno.None)]
    [InlineData("auto", Errno.None)]
    [InlineData("junk", Errno.EINVAL)]
    [InlineData("Identity\n", Errno.EINVAL)]
    [InlineData("identity ", Errno.EINVAL)]
    [InlineData("DMA\n\n", Errno.EINVAL)]
    [InlineData("blocked\n", Errno.EINVAL)]
    [InlineData("dma", Errno.EINVAL)]
    [InlineData("\n", Errno.EINVAL)]
    public void WordsAreTakenAsOnLinux(string text, Errno errno)
    {
        using SoftwareMachine machine = Create($$"""{ "devices": [ {{Edu(3)}} ] }""");
        Assert.Equal(errno, Write(machine, text));
    }

    [Fact]
    public void AProgramThatHasTheGroupKeepsTheType()
    {
        using SoftwareMachine machine = Create($$"""{ "devices": [ {{Edu(3)}} ] }""");
        using var nodes = NodeTransport.InProcess(machine);
        using var context = IommuContext.Open(nodes);
        using (VfioDevice device = VfioDevice.Open(nodes, new RequesterId(0x1000, 0, 3, 0)))
        {
            Assert.Equal(Errno.None, Write(machine, "identity")); // vfio-pci has it, and no program: as on Linux
            device.Bind(context);
            Assert.Equal(Errno.EPERM, Write(machine, "DMA"));
            Assert.Equal(Errno.EPERM, Write(machine, "auto"));
            Assert.Equal(Errno.EINVAL, Write(machine, "junk"));
            Assert.Equal("identity", Read(machine, Type));
        }

        Assert.Equal(Errno.None, Write(machine, "DMA"));
        using (VfioDevice device = VfioDevice.Open(nodes, new RequesterId(0x1000, 0, 3, 0)))
        {
            device.Bind(context);
            Assert.Equal(Errno.None, Write(machine, "DMA-FQ")); // the domain stays
            Assert.Equal(Errno.EPERM, Write(machine, "DMA"));
        }

        Assert.Equal(Errno.None, Write(machine, "DMA"));
    }

    [Fact]
    public void ADirectRegionThatIsNotRelaxableKeepsProgramsAway()
    {
        using SoftwareMachine machine = Create($$"""
            { "units": [ { "name": "dmar0", "reserved": [
                { "first": "0x7a000000", "last": "0x7a00ffff", "kind": "direct", "device": "1000:00:03.0" },
                { "first": "0x7b000000", "last": "0x7b000fff", "kind": "direct-relaxable", "device": "1000:00:04.0" },
                { "first": "0x1000", "last": "0x1fff" } ] } ],
              "devices": [ {{Edu(3)}}, {{Edu(4)}} ] }
            """);
        Assert.Equal(
            "0x0000000000001000 0x0000000000001fff reserved\n"
            + "0x000000007a000000 0x000000007a00ffff direct\n"
            + "0x00000000fee00000 0x00000000feefffff msi",
            Read(machine, "/sys/kernel/iommu_groups/0/reserved_regions"));
        Assert.Equal(
            "0x0000000000001000 0x0000000000001fff reserved\n"
            + "0x000000007b000000 0x000000007b000fff direct-relaxable\n"
            + "0x00000000fee00000 0x00000000feefffff msi",
            Read(machine, "/sys/kernel/iommu_groups/1/reserved_regions"));
        using var nodes = NodeTransport.InProcess(machine);
        using var context = IommuContext.Open(nodes);
        using VfioDevice direct = VfioDevice.Open(nodes, new RequesterId(0x1000, 0, 3, 0)),
            relaxable = VfioDevice.Open(nodes, new RequesterId(0x1000, 0, 4, 0));
        Assert.Equal(Errno.EINVAL, Assert.Throws<IommuException>(() => direct.Bind(context)).Errno);
        relaxable.Bind(context);
        Ioas ioas = context.AllocateIoas();
        relaxable.Attach(ioas);
        using UserMemory memory = nodes.Allocate(0x1000);
        Assert.Equal(new Iova(0x7b00_0000), ioas.Map(memory, at: new Iova(0x7b00_0000)));
    }

    [Fact]
    public void AnEmulatedGroupHasNoDefaultDomain()
    {
        using SoftwareMachine machine = Create("""
            { "virtualDevices": [ "mtty" ], "mdevs": [ { "type": "mtty-1", "parent": "mtty" } ] }
            """);
        Assert.Equal("unknown", Read(machine, Type));
        Assert.Equal(Errno.EINVAL, Write(machine, "DMA"));
        Assert.Equal("", Read(machine, "/sys/kernel/iommu_groups/0/reserved_regions"));
    }

    private static string Edu(int slot) => $$"""{ "model": "edu", "address": "1000:00:{{slot:x2}}.0" }""";

    private static SoftwareMachine Create(string json) =>
        SoftwareMachine.Create(MachineDescription.Parse("m.json", Encoding.UTF8.GetBytes(json)));

    private static string Read(SoftwareMachine machine, string path) =>
        Encoding.ASCII.GetString(((VirtualFile)machine.Paths[path]).Content()).TrimEnd('\n');

    private static Errno? Write(SoftwareMachine machine, string text)
    {
        Errno? answer = null;
        ((VirtualFile)machine.Paths[Type]).Store!(Encoding.ASCII.GetBytes(text), errno => answer = errno);
        return answer;
    }
}
