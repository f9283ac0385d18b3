namespace Ioasis.Host;

/// <summary>Exit codes of run if there is no program's exit code, as those of env(1) and timeout(1).</summary>
internal static class ExitCodes
{
    /// <summary>The program ran longer than it may.</summary>
    public const int TimedOut = 124;

    /// <summary>We failed.</summary>
    public const int Failed = 125;

    /// <summary>The program cannot be run.</summary>
    public const int CannotRun = 126;

    /// <summary>The program does not exist.</summary>
    public const int NotFound = 127;
}
