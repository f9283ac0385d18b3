namespace Ioasis.Diagnostics.FailNth;

/// <summary>What one run of a program was like of which one call failed.</summary>
internal sealed record FailNthReport
{
    /// <summary>How many calls could have failed.</summary>
    public long Calls { get; init; }

    /// <summary>
    /// If no call was to fail, the first hundred thousand of those that could have, by name and node.
    /// </summary>
    public IReadOnlyList<string> Names { get; init; } = [];

    /// <summary>The call that failed, by its name and node; null if the program did not come that far.</summary>
    public string? Failed { get; init; }

    /// <summary>Whether the program made the same call again, and it succeeded.</summary>
    public bool Repeated { get; init; }

    /// <summary>
    /// What the program had not given back when it closed what it had it of, or ended: how many, by kind.
    /// </summary>
    public IReadOnlyDictionary<string, int> Left { get; init; } = new Dictionary<string, int>();
}
