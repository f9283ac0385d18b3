using System.Globalization;
using Ioasis.Abi;

namespace Ioasis.Tests.Abi;

/// <summary>Every constant of Linux's headers has a C# twin of the same value, or a reason why not.</summary>
public class ConstantTests
{
    // The golden data has an address for a string.
    private static readonly Dictionary<string, string> s_strings =
        new() { ["VFIO_DEVICE_API_PCI_STRING"] = "vfio-pci" };

    // Second names for a number that has one in Errno.
    private static readonly string[] s_errnoAliases = ["EWOULDBLOCK", "EDEADLOCK", "EFSBADCRC", "EFSCORRUPTED"];

    private static readonly HashSet<string> s_notServedNames = [.. NotServed.All.Select(n => n.LinuxName)];

    [Theory]
    [InlineData("iommufd")]
    [InlineData("vfio")]
    [InlineData("seccomp")]
    [InlineData("kvm")]
    [InlineData("vhost")]
    public void Every_constant_has_a_twin_of_the_same_value(string golden)
    {
        var header = Headers.All.Single(h => h.Golden == golden);
        var linux = GoldenHeader.Load(golden).Constants;
        var ours = Headers.ConstantsOf(header.Constants);
        var served = linux.Where(c => !s_notServedNames.Contains(c.Key)).ToList();
        Assert.NotEmpty(served);

        Mismatches.AssertNone(
        [
            .. served.Where(c => !ours.ContainsKey(c.Key)).Select(c => $"{c.Key}: missing (or an entry in NotServed)"),
            .. ours.Where(c => !linux.ContainsKey(c.Key)).Select(c => $"{c.Key}: Linux has no such constant"),
            .. ours.Where(c => linux.ContainsKey(c.Key)).SelectMany(c => Compare(c.Key, c.Value, linux[c.Key])),
        ]);
    }

    [Fact]
    public void Every_PCI_register_has_the_value_of_Linux()
    {
        var linux = GoldenHeader.Load("pci_regs").Constants;
        var ours = Headers.ConstantsOf(typeof(PciRegs));
        Assert.NotEmpty(ours);
        Mismatches.AssertNone(ours.SelectMany(c =>
            linux.TryGetValue(c.Key, out ulong value)
                ? Compare(c.Key, c.Value, value)
                : [$"{c.Key}: Linux has no such constant"]));
    }

    [Fact]
    public void Every_errno_has_the_number_of_Linux()
    {
        var linux = GoldenHeader.Load("errno")
            .Constants.Where(c => !s_errnoAliases.Contains(c.Key)).ToDictionary(c => c.Key, c => (int)c.Value);
        var ours = Enum.GetValues<Errno>().ToDictionary(e => e.ToString(), e => (int)e);
        Assert.True(ours.Remove(nameof(Errno.None), out int none));
        Assert.Equal(0, none);
        Mismatches.AssertNone(
        [
            .. linux.Except(ours).Select(e => $"{e.Key}: expected {e.Value}"),
            .. ours.Except(linux).Select(e => $"{e.Key}: is {e.Value}"),
        ]);
    }

    [Theory]
    [InlineData(0x8000_0000u, 0xffff_ffff_8000_0000ul, true)] // 1 << 31 in C
    [InlineData(0x8000_0000u, 0x8000_0000ul, true)]
    [InlineData(uint.MaxValue, ulong.MaxValue, true)] // -1 in C
    [InlineData(0u, 0x1_0000_0000ul, false)]
    [InlineData(1u, 0xffff_ffff_0000_0001ul, false)]
    [InlineData(1u, 2ul, false)]
    public void A_value_is_compared_in_the_width_of_its_type(uint ours, ulong linux, bool same) =>
        Assert.Equal(same, !Compare("X", ours, linux).Any());

    private static IEnumerable<string> Compare(string name, object ours, ulong linux)
    {
        if (ours is string text)
        {
            if (!s_strings.TryGetValue(name, out string? expected) || text != expected)
                yield return $"{name}: is \"{text}\", expected \"{expected}\"";
            yield break;
        }

        // The golden value has to be ours extended to 64 bits, with zeros or with its highest bit.
        (ulong zeros, int bits) = ours switch
        {
            byte v => (v, 8),
            ushort v => (v, 16),
            int v => ((uint)v, 32),
            uint v => (v, 32),
            ulong v => (v, 64),
            _ => throw new NotSupportedException($"{name} is of type {ours.GetType()}"),
        };
        ulong sign = (ulong)((long)(zeros << (64 - bits)) >> (64 - bits));
        if (linux != zeros && linux != sign)
            yield return string.Create(CultureInfo.InvariantCulture, $"{name}: is 0x{zeros:x}, expected 0x{linux:x}");
    }
}
