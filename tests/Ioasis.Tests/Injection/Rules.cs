using Ioasis.Diagnostics.Injection;

namespace Ioasis.Tests.Injection;

internal static class Rules
{
    /// <summary>Reads rules that are right.</summary>
    internal static InjectionRules Of(params string[] rules)
    {
        Assert.Null(InjectionRules.TryRead(rules.Select(r => "inject=" + r), out InjectionRules? read));
        return read!;
    }

    /// <summary>The result of each of <paramref name="count"/> mappings, 1 where it failed.</summary>
    internal static string Tried(this InjectionRules rules, int count, string call = "IOMMU_IOAS_MAP") =>
        string.Concat(Enumerable.Range(0, count).Select(_ => rules.FailCall("/dev/iommu", call) == 0 ? '.' : 'x'));
}
