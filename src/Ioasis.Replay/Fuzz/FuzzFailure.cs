namespace Ioasis.Replay.Fuzz;

/// <summary>A sequence of calls after which something does not hold that must.</summary>
public sealed record FuzzFailure
{
    /// <summary>The seed.</summary>
    public required int Seed { get; init; }

    /// <summary>What the sequence is for: <c>vfio</c> or <c>vdpa</c>.</summary>
    public required string Kind { get; init; }

    /// <summary>
    /// What does not hold: <c>exception</c>, <c>hang</c>, <c>changed by a failed call</c>, <c>left after the close</c>
    /// or <c>not repeatable</c>.
    /// </summary>
    public required string Oracle { get; init; }

    /// <summary>How that shows, at the last call.</summary>
    public required string What { get; init; }

    /// <summary>The shortest sequence that was found, a line for each call.</summary>
    public required IReadOnlyList<string> Calls { get; init; }
}
