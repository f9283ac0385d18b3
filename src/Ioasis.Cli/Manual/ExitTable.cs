namespace Ioasis.Cli.Manual;

/// <summary>What the exit codes mean. docs/commands.md has the same table, and a test compares them.</summary>
internal static class ExitTable
{
    /// <summary>Each code, the commands that end with it, and what it says.</summary>
    internal static IReadOnlyList<(string Code, string Commands, string Meaning)> Rows { get; } =
    [
        ("0", "all", "success; of walk: the address is translated; of replay: every answer is as recorded"),
        ("1", "walk", "the access would fault"),
        ("1", "doctor", "run cannot work here"),
        ("1", "cflags", "there are no headers"),
        ("1", "web", "the port is in use"),
        ("1", "replay, fuzz, fuzz merge", "an answer differs, or what must hold does not"),
        ("1", "all but run, trace and record", "standard output cannot be written"),
        ("2", "all", "the command line or a file that it names is wrong"),
        ("3", "walk, faults, state, trace -p, web", "there is no such program, or it ended before it answered"),
        ("99", "run --check", "the program's own code was 0, and --check found something (--check-exit-code)"),
        ("124", "run --timeout", "the program was killed, because its time was over"),
        ("125", "run, trace, record", "ioasis itself failed"),
        ("126", "run, trace, record", "the program exists and cannot be run"),
        ("127", "run, trace, record", "there is no such program"),
        ("128+N", "run, trace, record", "signal N ended the program"),
        ("other", "run, trace, record", "the program's own"),
    ];
}
