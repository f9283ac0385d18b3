namespace Ioasis.Host;

/// <summary>
/// What run exits with when there is no program whose exit code it could have, as env(1) and timeout(1) do.
/// </summary>
internal static class ExitCodes
{
    /// <summary>We failed ourselves.</summary>
    public const int Failed = 125;

    /// <summary>The program cannot be run.</summary>
    public const int CannotRun = 126;

    /// <summary>There is no such program.</summary>
    public const int NotFound = 127;
}
