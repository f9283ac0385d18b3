using System.Globalization;
using System.Text;
using System.Text.Json;
using Ioasis.Machine.Description;
using Ioasis.Tests.Architecture;

namespace Ioasis.Tests.Machine;

/// <summary>docs/machine.schema.json says the same of devices as the parser does.</summary>
public sealed class MachineSchemaTests
{
    private static readonly JsonElement s_schema = JsonDocument.Parse(
        File.ReadAllText(Path.Combine(Repository.Root, "docs/machine.schema.json"))).RootElement;

    private static JsonElement Device =>
        s_schema.GetProperty("properties").GetProperty("devices").GetProperty("items");

    private static JsonElement Properties =>
        Device.GetProperty("properties").GetProperty("properties").GetProperty("properties");

    // Models of plug-ins have no properties.
    private static IEnumerable<string> Models =>
        ModelRegistry.Models.Names.Where(model => ModelRegistry.Models.PropertiesOf(model).Count > 0);

    [Fact]
    public void PropertiesHaveTheSameNames()
    {
        Assert.Equal(
            Models.SelectMany(ModelRegistry.Models.PropertiesOf).Distinct().Order(StringComparer.Ordinal),
            Names(Properties));
    }

    [Fact]
    public void MembersHaveTheSameNames()
    {
        Assert.Equal(Names(s_schema.GetProperty("properties")), Known("""{ "zzz": 1 }"""));
        Assert.Equal(Names(Device.GetProperty("properties")), Known("""{ "devices": [{ "zzz": 1 }] }"""));
    }

    /// <summary>
    /// A value is right for the schema if a model takes it. Several models share names such as maxTransferLog2, and the
    /// schema has the widest range.
    /// </summary>
    [Fact]
    public void PropertiesHaveTheSameValues()
    {
        foreach (JsonProperty property in Properties.EnumerateObject())
        {
            (string[] right, string[] wrong) = Samples(property.Value);
            foreach (string value in right) Assert.True(IsTaken(property.Name, value), $"{property.Name}: {value}");
            foreach (string value in wrong) Assert.False(IsTaken(property.Name, value), $"{property.Name}: {value}");
        }
    }

    [Fact]
    public void DefaultsAreTaken()
    {
        foreach (JsonProperty property in Properties.EnumerateObject())
        {
            if (property.Value.TryGetProperty("default", out JsonElement value))
                Assert.True(IsTaken(property.Name, value.GetRawText()), property.Name);
        }
    }

    private static (string[] Right, string[] Wrong) Samples(JsonElement schema)
    {
        if (schema.TryGetProperty("$ref", out _)) return (["0xff", "0xffffffffffffffff"], ["", "-1", "0x", "x"]);
        if (schema.TryGetProperty("examples", out JsonElement examples))
            return ([.. examples.EnumerateArray().Select(example => example.GetString()!)], ["", "x", "1:2"]);
        if (schema.TryGetProperty("oneOf", out JsonElement kinds))
        {
            long least = kinds[0].GetProperty("minimum").GetInt64();
            return ([Text(least), $"{least}K", "1T"], [Text(least - 1), "", "K", "1X", "-1", "1.5M"]);
        }

        switch (schema.GetProperty("type").GetString())
        {
            case "boolean":
                return (["true", "false"], ["", "1", "yes"]);
            case "integer":
                long first = schema.GetProperty("minimum").GetInt64(), last = schema.GetProperty("maximum").GetInt64();
                return ([Text(first), Text(last)], [Text(first - 1), Text(last + 1), "", "1.5", "true"]);
            case "string":
                int shortest = schema.GetProperty("minLength").GetInt32();
                int? longest = schema.TryGetProperty("maxLength", out JsonElement most) ? most.GetInt32() : null;
                return ([new string('x', shortest), new string('x', longest ?? 1000)],
                    longest is int length ? ["", new string('x', length + 1)] : [""]);
            default:
                throw new InvalidOperationException($"no samples for {schema}");
        }
    }

    private static bool IsTaken(string name, string value) => Models.Any(model =>
        ModelRegistry.Models.PropertiesOf(model).Contains(name)
        && ModelRegistry.Models.CheckProperty(model, name, value) is null);

    // The names that the parser offers for one that it does not know.
    private static IEnumerable<string> Known(string json)
    {
        const string Offer = "it may have ";
        string complaint = Assert.Throws<MachineDescriptionException>(
            () => MachineDescription.Parse("m.json", Encoding.UTF8.GetBytes(json))).Message;
        int at = complaint.IndexOf(Offer, StringComparison.Ordinal);
        Assert.True(at >= 0, complaint);
        return complaint[(at + Offer.Length)..].TrimEnd('.').Split(", ").Order(StringComparer.Ordinal);
    }

    private static IEnumerable<string> Names(JsonElement properties) =>
        properties.EnumerateObject().Select(p => p.Name).Order(StringComparer.Ordinal);

    private static string Text(long value) => value.ToString(CultureInfo.InvariantCulture);
}
