namespace Ioasis.Bench;

/// <summary>What was measured in several rounds.</summary>
internal sealed record Series(double Min, double Median)
{
    internal static Series Of(IEnumerable<double> rounds)
    {
        double[] sorted = [.. rounds.Order()];
        return new Series(sorted[0], sorted[sorted.Length / 2]);
    }
}

/// <summary>A benchmark beside its baseline, measured in turn in the same run.</summary>
/// <param name="Name">What is measured.</param>
/// <param name="Ours">What we reach.</param>
/// <param name="BaselineName">What it is measured beside.</param>
/// <param name="Baseline">What that reaches.</param>
/// <param name="Unit">Of both.</param>
internal sealed record Comparison(string Name, Series Ours, string BaselineName, Series Baseline, string Unit = "ns")
{
    /// <summary>Of the minima: what others do on the machine only ever adds to a round.</summary>
    public double Ratio => Ours.Min / Baseline.Min;

    /// <summary>The most that the ratio is meant to be; null where it is not the ratio that counts.</summary>
    public double? Target { get; init; }

    /// <summary>The most that ours is meant to be, in the unit; null where it is the ratio that counts.</summary>
    public double? Limit { get; init; }

    /// <summary>Where it stands in a plot; null where in none.</summary>
    public PlotPoint? At { get; init; }

    /// <summary>Whether it is what it is meant to be.</summary>
    public bool IsReached => !(Ratio > Target) && !(Ours.Min > Limit);
}

/// <summary>A place in the plot of an operation.</summary>
/// <param name="Operation">What costs.</param>
/// <param name="Mappings">How many mappings there are then.</param>
internal sealed record PlotPoint(string Operation, int Mappings);
