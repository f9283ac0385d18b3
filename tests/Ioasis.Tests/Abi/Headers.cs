using System.Reflection;
using Ioasis.Abi;

namespace Ioasis.Tests.Abi;

/// <summary>
/// A header that is mirrored as a whole, or (linux/kvm.h) what of it concerns us: its golden data and the class of its
/// constants.
/// </summary>
internal sealed record Header(string Golden, Type Constants);

internal static class Headers
{
    public static IReadOnlyList<Header> All { get; } =
        [new("iommufd", typeof(IommufdH)), new("vfio", typeof(VfioH)), new("seccomp", typeof(SeccompH)),
            new("kvm", typeof(KvmH)), new("vhost", typeof(VhostH))];

    /// <summary>The public constants of a class, by name.</summary>
    public static IReadOnlyDictionary<string, object> ConstantsOf(Type type) =>
        type.GetFields(BindingFlags.Static | BindingFlags.Public)
        .Where(f => f.IsLiteral).ToDictionary(f => f.Name, f => f.GetRawConstantValue()!);
}

internal static class LinuxNames
{
    public static string Pascal(string linuxName) =>
        string.Concat(linuxName.Split('_', StringSplitOptions.RemoveEmptyEntries)
            .Select(part => char.ToUpperInvariant(part[0]) + part[1..]));
}

internal static class Mismatches
{
    /// <summary>Fails with every mismatch, not only the first.</summary>
    public static void AssertNone(IEnumerable<string> mismatches)
    {
        var all = mismatches.ToList();
        Assert.True(all.Count == 0, $"{all.Count} mismatches with Linux:\n{string.Join('\n', all)}");
    }
}
