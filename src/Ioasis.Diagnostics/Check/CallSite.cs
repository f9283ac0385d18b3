using System.Globalization;

namespace Ioasis.Diagnostics.Check;

/// <summary>A call of a program that a finding names.</summary>
internal sealed class CallSite
{
    internal CallSite(long number) => Number = number;

    /// <summary>The call's number (<see cref="Core.Observation.NodeCall.Number"/>).</summary>
    public long Number { get; }

    /// <summary>The thread that made the call; 0 if unknown.</summary>
    public int Thread { get; internal set; }

    /// <summary>The call, such as <c>ioctl(IOMMU_IOAS_MAP)</c>; null until it is answered.</summary>
    public string? Name { get; internal set; }

    /// <summary>The call as reports name it.</summary>
    public override string ToString()
    {
        string who = Thread == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"by thread {Thread} ");
        return string.Create(CultureInfo.InvariantCulture, $"{who}in {Name ?? "a call"}, call {Number}");
    }
}
