using Ioasis.Host.Control;
using Ioasis.Host.Stacks;

namespace Ioasis.Host;

/// <summary>Options of <see cref="Supervisor"/>.</summary>
internal sealed record RunOptions
{
    /// <summary>The program: a path, or a name to look up in PATH.</summary>
    public required string Program { get; init; }

    /// <summary>Its arguments, without the program's own name.</summary>
    public IReadOnlyList<string> Arguments { get; init; } = [];

    /// <summary>
    /// Whether calls that revoke memory of a process wait until devices that are bound to it have ended their earlier
    /// accesses.
    /// </summary>
    public bool StrictSva { get; init; }

    /// <summary>Finds out where the program makes calls; null if nobody wants to know.</summary>
    public CallStacks? Stacks { get; init; }

    /// <summary>What the checks of the program find; null if it is not checked.</summary>
    public FindingList? Findings { get; init; }

    /// <summary>
    /// Whether threads stop at the end of calls. Then only fatal signals interrupt a call that we serve.
    /// </summary>
    public bool HoldsCalls => StrictSva || Stacks is { IsReady: true };

    /// <summary>The file for an account of the calls that were served, written at the end; null for none.</summary>
    public string? AccountFile { get; init; }

    /// <summary>Whether all programs are killed if the supervisor is; otherwise they run on without devices.</summary>
    public bool KillsOnExit { get; init; } = true;

    /// <summary>How long the program may run, with all that it starts; null for ever.</summary>
    public TimeSpan? Timeout { get; init; }

    /// <summary>The port of a page that shows the program while it runs; 0 for a free one; null for none.</summary>
    public int? WebPort { get; init; }

    /// <summary>Kills the program when it is cancelled.</summary>
    public CancellationToken Stop { get; init; }
}
