using System.Reflection;
using System.Text.Json;
using Ioasis.MockIommu.Abi;
using Ioasis.Tests.Abi;

namespace Ioasis.Tests.MockIommu;

/// <summary>The mock's structures and numbers against what a C compiler says of Linux's header.</summary>
public sealed class MockLayoutTests
{
    // Members of the union that share a twin here.
    private static readonly Dictionary<string, string> s_twins = new()
    {
        ["mock_domain_flags"] = "MockDomain",
        ["pasid_attach"] = "Pasid",
        ["pasid_replace"] = "Pasid",
        ["pasid_detach"] = "Pasid",
        ["pasid_check"] = "Pasid",
    };

    private static readonly Assembly s_mock = typeof(IommuTestCmd).Assembly;

    [Fact]
    public void EveryStructHasTheBytesThatLinuxsHas()
    {
        using JsonDocument golden = JsonDocument.Parse(
            File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Abi/Golden/iommufd_test.json")));
        List<string> wrong = [];
        foreach (JsonProperty linux in golden.RootElement.GetProperty("structs").EnumerateObject())
        {
            Type type = s_mock.GetType($"Ioasis.MockIommu.Abi.{LinuxNames.Pascal(linux.Name)}", throwOnError: true)!;
            if (ManagedLayout.SizeOf(type) != linux.Value.GetProperty("size").GetInt32())
                wrong.Add($"{linux.Name}: {ManagedLayout.SizeOf(type)} bytes");
            wrong.AddRange(Compare(linux.Name, type, linux.Value.GetProperty("fields"), 0));
        }

        Mismatches.AssertNone(wrong);
    }

    [Fact]
    public void EveryNumberIsLinuxs()
    {
        IReadOnlyDictionary<string, ulong> linux = GoldenHeader.Load("iommufd_test").Constants;
        Type numbers = s_mock.GetType("Ioasis.MockIommu.Abi.IommuTestH", throwOnError: true)!;
        foreach (FieldInfo number in numbers.GetFields(BindingFlags.Static | BindingFlags.NonPublic)
            .Where(f => f.IsLiteral && linux.ContainsKey(f.Name)))
            Assert.Equal((number.Name, linux[number.Name]),
                (number.Name, Convert.ToUInt64(number.GetRawConstantValue(), null)));
    }

    private static IEnumerable<string> Compare(string name, Type type, JsonElement fields, int at)
    {
        FieldInfo[] twins = type.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic);
        foreach (JsonElement field in fields.EnumerateArray())
        {
            string linux = field[0].GetString()!, own = s_twins.GetValueOrDefault(linux)
                ?? (linux == "hwpt_id" && type.Name == "PasidArgs" ? "PtId" : LinuxNames.Pascal(linux));
            if (Array.Find(twins, f => f.Name == own || f.Name == $"<{own}>k__BackingField") is not { } twin)
            {
                yield return $"{name}.{linux}: no such field";
                continue;
            }

            (int offset, int size) = ManagedLayout.Locate(twin);
            bool isUnion = field.GetArrayLength() == 4;
            if (at + offset != field[1].GetInt32() || (!isUnion && size != field[2].GetInt32()))
                yield return $"{name}.{linux}: {size} bytes at {at + offset}";
            if (!isUnion) continue;
            foreach (string wrong in Compare($"{name}.{linux}", twin.FieldType, field[3], at + offset))
                yield return wrong;
        }
    }
}
