using System.Globalization;

namespace Ioasis.Bench.Report;

/// <summary>Texts of a comparison for the table and the page.</summary>
internal static class Cells
{
    internal static string Target(Comparison of) =>
        of.Target is { } ratio ? $"≤ {ratio.ToString("0.0#", CultureInfo.InvariantCulture)}"
        : of.Limit is { } limit ? $"≤ {limit.ToString("0", CultureInfo.InvariantCulture)} {of.Unit}" : "";

    /// <summary>"yes" or "NO"; empty without a target.</summary>
    internal static string Reached(Comparison of) =>
        of.Target is null && of.Limit is null ? "" : of.IsReached ? "yes" : "NO";

    internal static string Number(double value) =>
        value.ToString(value < 1000 ? "0.0" : "0", CultureInfo.InvariantCulture);

    internal static string Ratio(Comparison of) => of.Ratio.ToString("0.00", CultureInfo.InvariantCulture);

    /// <summary>1, 64, 1k, 64k, 1M.</summary>
    internal static string Count(int mappings) => mappings switch
    {
        >= 1 << 20 => $"{mappings >> 20}M",
        >= 1 << 10 => $"{mappings >> 10}k",
        _ => $"{mappings}",
    };
}
