using System.Text;
using System.Text.Json.Nodes;
using Ioasis.Machine;
using Ioasis.Machine.Description;
using Ioasis.Units;

namespace Ioasis.Tests.Units.Vtd;

/// <summary>A unit is described by the registers that Linux shows, as a recording on a real kernel has it.</summary>
public sealed class DescribedSystemTests
{
    [Theory]
    [InlineData("d2008c222f0686", "f00f5a", 48, 0, false)] // QEMU's unit in legacy mode
    [InlineData("d2008c22260206", "f00f5a", 39, 0, false)]
    public void The_registers_of_another_unit_say_its_properties(
        string cap, string ecap, int bits, int pasidBits, bool nesting)
    {
        IReadOnlyDictionary<string, object> unit = Describe(cap, ecap)!;
        Assert.Equal((bits, pasidBits, nesting), (unit["addressBits"], unit["pasidBits"], unit["nesting"]));
    }

    /// <summary>Our own unit shows its registers, too: what is read from them makes the same unit again.</summary>
    [Theory]
    [InlineData("{}")]
    [InlineData("""{"addressBits":39,"nesting":false,"pasidBits":0,"dirtyTracking":false,"pages1G":false}""")]
    [InlineData("""{"addressBits":57,"pageRequests":false,"pasidBits":8,"firstStage5Level":false}""")]
    public void What_our_registers_say_makes_the_same_unit(string properties)
    {
        (string cap, string ecap) = RegistersOf(JsonNode.Parse(properties)!.AsObject());
        var again = new JsonObject();
        foreach ((string name, object value) in Describe(cap, ecap)!) again[name] = value is bool b ? b : (int)value;
        Assert.Equal((cap, ecap), RegistersOf(again));
    }

    [Fact]
    public void Another_kind_of_unit_is_not_described() =>
        Assert.Null(BuiltInDrivers.All[0].DescribeSystem!(_ => null));

    private static IReadOnlyDictionary<string, object>? Describe(string cap, string ecap) =>
        BuiltInDrivers.All[0].DescribeSystem!(name => name.EndsWith("/ecap", StringComparison.Ordinal) ? ecap : cap);

    private static (string Cap, string Ecap) RegistersOf(JsonObject unit)
    {
        unit["name"] = "dmar0";
        var description = new JsonObject { ["units"] = new JsonArray(unit), ["devices"] = new JsonArray() };
        using SoftwareMachine machine = SoftwareMachine.Create(
            MachineDescription.Parse("test", Encoding.UTF8.GetBytes(description.ToJsonString())));
        return (Register("intel-iommu/cap"), Register("intel-iommu/ecap"));

        string Register(string name) =>
            machine.Units.Single().SysfsAttributes.Single(a => a.Path == name).Text;
    }
}
