namespace Ioasis.Diagnostics.Trace;

/// <summary>What a trace has, and how it looks.</summary>
internal sealed record TraceOptions
{
    /// <summary>What is traced, as <see cref="TraceFilter.TryRead"/> reads it; null for everything.</summary>
    public string? Words { get; init; }

    /// <summary>Whether each line is an object of JSON.</summary>
    public bool Json { get; init; }

    /// <summary>Whether each line begins with the seconds since the start.</summary>
    public bool Times { get; init; }

    /// <summary>Whether each line begins with the time of day, to the microsecond.</summary>
    public bool WallTimes { get; init; }

    /// <summary>Whether each line begins with the seconds since the one before.</summary>
    public bool RelativeTimes { get; init; }

    /// <summary>Whether each call ends with the time that it took.</summary>
    public bool Durations { get; init; }

    /// <summary>Whether only calls that succeeded are traced, only those that failed, or (null) both.</summary>
    public bool? Succeeded { get; init; }
}
