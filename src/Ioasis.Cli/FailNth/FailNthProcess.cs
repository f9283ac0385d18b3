using System.Diagnostics;
using Ioasis.Diagnostics.FailNth;

namespace Ioasis.Cli.FailNth;

/// <summary>One run of a program, in a process of its own, and how it ended.</summary>
internal sealed record FailNthProcess
{
    private const int MostLines = 5, Signalled = 128, LastSignal = 64;

    /// <summary>The program's exit code, or 128 plus the signal that killed it.</summary>
    public int ExitCode { get; private init; }

    /// <summary>Whether it took too long, and was killed.</summary>
    public bool IsHung { get; private init; }

    /// <summary>What the run reported; null if it did not come to that.</summary>
    public FailNthReport? Report { get; init; }

    /// <summary>The signal that killed the program; null for none.</summary>
    public int? Signal => ExitCode is > Signalled and <= Signalled + LastSignal ? ExitCode - Signalled : null;

    /// <summary>How the program ended, in words.</summary>
    public string Ending => IsHung ? "hangs"
        : Signal is { } signal ? $"is killed by signal {signal}"
        : $"ends with exit code {ExitCode}";

    private IReadOnlyList<string> Errors { get; init; } = [];

    /// <summary>Runs it.</summary>
    /// <param name="words">Our own command line.</param>
    /// <param name="limit">How long it may take.</param>
    internal static FailNthProcess Run(IEnumerable<string> words, TimeSpan limit)
    {
        string self = Environment.ProcessPath ?? throw new IOException("Our own executable is unknown.");
        IEnumerable<string> before = Path.GetFileNameWithoutExtension(self) == "dotnet"
            ? [Environment.GetCommandLineArgs()[0]]
            : [];
        var start = new ProcessStartInfo(self, before.Concat(words))
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start) ?? throw new IOException($"'{self}' did not start.");
        var errors = new Queue<string>();
        process.OutputDataReceived += static (_, _) => { };
        process.ErrorDataReceived += (_, line) =>
        {
            if (line.Data is null) return;
            errors.Enqueue(line.Data);
            if (errors.Count > MostLines) errors.Dequeue();
        };
        process.StandardInput.Close(); // each run reads the same: nothing
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        bool ended = process.WaitForExit(limit);
        if (!ended) process.Kill(entireProcessTree: true);
        process.WaitForExit();
        return new FailNthProcess { ExitCode = process.ExitCode, IsHung = !ended, Errors = [.. errors] };
    }

    /// <summary>Writes the last lines that it wrote to standard error.</summary>
    internal void WriteErrors(TextWriter writer)
    {
        foreach (string line in Errors) writer.WriteLine($"              {line}");
    }
}
