namespace Ioasis.Bench;

/// <summary>Nanoseconds for one operation over several rounds.</summary>
internal sealed record Series(double Min, double Median)
{
    internal static Series Of(IEnumerable<double> rounds)
    {
        double[] sorted = [.. rounds.Order()];
        return new Series(sorted[0], sorted[sorted.Length / 2]);
    }
}

/// <summary>A benchmark beside its baseline.</summary>
internal sealed record Comparison(string Name, Series Ours, string BaselineName, Series Baseline)
{
    public double Ratio => Ours.Median / Baseline.Median;
}
