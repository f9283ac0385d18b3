using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Ioasis.Bench;

/// <summary>Runs the C programs in bench/c, which bench/c/build compiles with gcc -O2.</summary>
internal static partial class Baselines
{
    internal static string Root { get; } = FindRoot();

    private static readonly Lazy<string> s_programs = new(() =>
    {
        Run(Path.Combine(Root, "bench/c/build"), []);
        return Path.Combine(Root, "artifacts/bench-c");
    });

    internal static string Program(string name) => Path.Combine(s_programs.Value, name);

    /// <summary>The figures that a program prints in lines such as <c>name 1.23 ns</c>, or in bytes.</summary>
    internal static Dictionary<string, double> Measure(string program, params string[] arguments)
    {
        Dictionary<string, double> figures = [];
        foreach (Match line in Figure().Matches(Run(program, arguments)))
            figures[line.Groups[1].Value.Trim(' ', ':')] =
                double.Parse(line.Groups[2].Value, CultureInfo.InvariantCulture);
        return figures;
    }

    private static string Run(string program, string[] arguments)
    {
        using var process = Process.Start(
            new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, WorkingDirectory = Root })!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0
            ? output
            : throw new InvalidOperationException($"{program} ended with {process.ExitCode}: {output}");
    }

    private static string FindRoot()
    {
        for (string? at = AppContext.BaseDirectory; at is not null; at = Path.GetDirectoryName(at))
            if (File.Exists(Path.Combine(at, "Ioasis.slnx"))) return at;
        throw new InvalidOperationException("The benchmarks do not run within the project's folder.");
    }

    [GeneratedRegex(@"^(.*?)\s+([0-9.]+(?= ns)|[0-9]+\.[0-9]+(?= bytes))", RegexOptions.Multiline)]
    private static partial Regex Figure();
}
