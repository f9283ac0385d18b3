using System.Reflection;
using Ioasis.Devices.Dsa;
using Ioasis.Tests.Abi;

namespace Ioasis.Tests.Devices.Dsa;

/// <summary>The model's structures and numbers against what a C compiler says of linux/idxd.h.</summary>
public sealed class DsaLayoutTests
{
    /// <summary>Linux's names for words that it has bit fields in, and for what has no twin in the model.</summary>
    private static readonly Dictionary<string, string> s_twins =
        new() { ["pasid"] = "Requester", ["flags"] = "FlagsAndOpcode" };

    [Theory]
    [InlineData("dsa_hw_desc", typeof(DsaDescriptor), new[] { "Last" })]
    [InlineData("dsa_completion_record", typeof(DsaCompletionRecord), new[] { "Last" })]
    public void FieldsAreWhereLinuxHasThem(string linux, Type type, string[] own)
    {
        GoldenStruct golden = GoldenHeader.Load("idxd").Structs[linux];
        Assert.Equal(golden.Size, ManagedLayout.SizeOf(type));
        List<string> wrong = [];
        foreach (FieldInfo field in type.GetFields(BindingFlags.Instance | BindingFlags.Public))
        {
            if (own.Contains(field.Name)) continue;
            GoldenField? twin = golden.Fields.FirstOrDefault(
                f => (s_twins.GetValueOrDefault(f.Name) ?? LinuxNames.Pascal(f.Name)) == field.Name);
            (int offset, int size) = ManagedLayout.Locate(field);
            if (twin is null || (twin.Offset, twin.Size) != (offset, size))
                wrong.Add($"{field.Name}: {size} bytes at {offset}, Linux has {twin}");
        }

        Mismatches.AssertNone(wrong);
    }

    [Fact]
    public void NumbersAreLinuxs()
    {
        IReadOnlyDictionary<string, ulong> linux = GoldenHeader.Load("idxd").Constants;
        foreach (DsaOpcode opcode in Enum.GetValues<DsaOpcode>())
            Assert.Equal(linux[$"DSA_OPCODE_{opcode.ToString().ToUpperInvariant()}"], (ulong)opcode);
        HashSet<ulong> statuses =
            [.. linux.Where(c => c.Key.StartsWith("DSA_COMP_", StringComparison.Ordinal)).Select(c => c.Value)];
        Assert.All(Enum.GetValues<DsaStatus>().Where(s => s < DsaStatus.CommandWhileActive),
            s => Assert.Contains((ulong)s, statuses));
        Assert.Equal((ulong)DsaStatus.PageFaultNobof, linux["DSA_COMP_PAGE_FAULT_NOBOF"]);
        Assert.Equal((ulong)DsaStatus.CraXlat, linux["DSA_COMP_CRA_XLAT"]);
        Assert.Equal((ulong)DsaStatus.TranslationFail, linux["DSA_COMP_TRANSLATION_FAIL"]);
        Assert.Equal((ulong)DsaCompletionRecord.StatusWrite, linux["DSA_COMP_STATUS_WRITE"]);
        (string Name, DsaFlags Flag)[] flags =
        [
            ("FENCE", DsaFlags.Fence), ("BOF", DsaFlags.BlockOnFault), ("CRAV", DsaFlags.CompletionAddressValid),
            ("RCR", DsaFlags.RequestCompletion),
            ("RCI", DsaFlags.RequestInterrupt), ("CR", DsaFlags.CheckResult), ("CC", DsaFlags.CacheControl),
                ("STORD", DsaFlags.StrictOrdering),
        ];
        Assert.All(flags, f => Assert.Equal(linux[$"IDXD_OP_FLAG_{f.Name}"], (ulong)f.Flag));
    }
}
