namespace Ioasis.Bench;

/// <summary>The results of several rounds.</summary>
internal sealed record Series(double Min, double Median)
{
    internal static Series Of(IEnumerable<double> rounds)
    {
        double[] sorted = [.. rounds.Order()];
        return new Series(sorted[0], sorted[sorted.Length / 2]);
    }
}

/// <summary>A benchmark and its baseline, measured in turns in one run.</summary>
/// <param name="Name">Name of the benchmark.</param>
/// <param name="Ours">Our results.</param>
/// <param name="BaselineName">Name of the baseline.</param>
/// <param name="Baseline">The baseline's results.</param>
/// <param name="Unit">Unit of both.</param>
internal sealed record Comparison(string Name, Series Ours, string BaselineName, Series Baseline, string Unit = "ns")
{
    /// <summary>Ratio of the minima, because other load on the machine can only make a round slower.</summary>
    public double Ratio => Ours.Min / Baseline.Min;

    /// <summary>The largest acceptable ratio; null if the ratio does not matter.</summary>
    public double? Target { get; init; }

    /// <summary>The largest acceptable value of ours, in the unit; null if only the ratio matters.</summary>
    public double? Limit { get; init; }

    /// <summary>Its place in a plot; null for none.</summary>
    public PlotPoint? At { get; init; }

    /// <summary>Whether the target and the limit are met.</summary>
    public bool IsReached => !(Ratio > Target) && !(Ours.Min > Limit);
}

/// <summary>A point in the plot of an operation.</summary>
/// <param name="Operation">The operation.</param>
/// <param name="Mappings">Number of mappings at this point.</param>
internal sealed record PlotPoint(string Operation, int Mappings);
