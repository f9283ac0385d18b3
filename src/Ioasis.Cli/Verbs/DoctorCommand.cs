using System.CommandLine;
using Ioasis.Host.Doctor;

namespace Ioasis.Cli.Verbs;

/// <summary>The command <c>doctor</c>: says what works on this host, and what to change.</summary>
internal static class DoctorCommand
{
    internal static Command Of(TextWriter output)
    {
        var doctor = new Command("doctor",
            "Tries what run needs of this host, and says what to change. Exit code 1 if run cannot work.");
        var json = new Option<bool>("--json") { Description = "As JSON." };
        doctor.Add(json);
        doctor.SetAction(parsed => Write(HostChecks.All(), parsed.GetValue(json), output));
        return doctor;
    }

    /// <summary>Writes what the checks came to.</summary>
    /// <returns>The exit code.</returns>
    internal static int Write(IReadOnlyList<HostCheck> checks, bool asJson, TextWriter output)
    {
        bool works = checks.All(c => c.Verdict != Verdict.Fail);
        if (asJson)
        {
            JsonOutput.Write(new Report(works, [.. checks.Select(c =>
                new Check(c.Name, WordOf(c.Verdict), c.Text, c.Remedy))]), output);
        }
        else WriteText(checks, works, output);
        return works ? 0 : 1;
    }

    private static void WriteText(IReadOnlyList<HostCheck> checks, bool works, TextWriter output)
    {
        int width = checks.Max(c => c.Name.Length);
        foreach (HostCheck check in checks)
        {
            output.WriteLine($"{WordOf(check.Verdict),-4}  {check.Name.PadRight(width)}  {check.Text}");
            if (check.Remedy is { } remedy) output.WriteLine($"      {"".PadRight(width)}  {remedy}");
        }

        output.WriteLine(works ? "ioasis run works here." : "ioasis run cannot work here.");
    }

    private static string WordOf(Verdict verdict) => verdict switch
    {
        Verdict.Ok => "ok",
        Verdict.Warn => "warn",
        _ => "FAIL",
    };

    private sealed record Report(bool RunWorks, IReadOnlyList<Check> Checks);

    private sealed record Check(string Name, string Verdict, string Text, string? Remedy);
}
