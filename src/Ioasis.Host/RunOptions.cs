namespace Ioasis.Host;

/// <summary>What <see cref="Supervisor"/> is to run.</summary>
internal sealed record RunOptions
{
    /// <summary>The program: a path, or a name to be found in PATH.</summary>
    public required string Program { get; init; }

    /// <summary>Its arguments, without the program's own name.</summary>
    public IReadOnlyList<string> Arguments { get; init; } = [];

    /// <summary>
    /// Whether a call that takes memory away from a process that devices are bound to returns only when no access of
    /// theirs is under way any more that began before.
    /// </summary>
    public bool StrictSva { get; init; }

    /// <summary>
    /// The file that gets an account of the calls that were served, when all has ended; null for none.
    /// </summary>
    public string? AccountFile { get; init; }
}
