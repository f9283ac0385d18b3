using System.Diagnostics;
using Ioasis.Cli.Verbs;
using Ioasis.Client;
using Ioasis.Machine;
using Ioasis.Machine.Description;

namespace Ioasis.Cli.Demo;

/// <summary>
/// Prints the demo's findings, as text or as JSON, and counts its checks. Colours are our own: a library for them would
/// take longer to load than the demo runs.
/// </summary>
/// <param name="output">Where to.</param>
/// <param name="color">Whether text is in colour.</param>
/// <param name="json">Whether it is JSON, written at the end.</param>
internal sealed class DemoReport(TextWriter output, bool color = false, bool json = false)
{
    private readonly TextWriter _text = json ? TextWriter.Null : output;
    private readonly List<DemoStep> _steps = [];
    private string _title = "";

    /// <summary>Number of checks.</summary>
    internal int Checks { get; private set; }

    /// <summary>Number of checks that failed.</summary>
    internal int Failures { get; private set; }

    internal void Title(string text)
    {
        _title = text;
        _text.WriteLine(Paint(text, "1"));
    }

    internal void Step(string text)
    {
        _steps.Add(new DemoStep(text, [], []));
        _text.WriteLine($"\n{Paint($"{_steps.Count}. {text}", "1")}");
    }

    internal void Say(string text)
    {
        if (_steps.Count > 0) _steps[^1].Says.Add(text);
        _text.WriteLine("   " + text);
    }

    /// <summary>Prints a finding, and whether it is as expected.</summary>
    internal void Check(bool holds, string text)
    {
        Checks++;
        if (!holds) Failures++;
        if (_steps.Count == 0) _steps.Add(new DemoStep("The machine", [], []));
        _steps[^1].Checks.Add(new DemoCheck(holds, text));
        _text.WriteLine($"   {(holds ? Paint("ok ", "32") : Paint("NOT", "1;31"))}  {text}");
    }

    /// <summary>
    /// Runs a demo on a machine and prints a closing line: what it proved, or how many checks failed. Returns the exit
    /// code.
    /// </summary>
    /// <param name="description">The machine.</param>
    /// <param name="show">The demo.</param>
    /// <param name="proved">What follows from its checks.</param>
    internal int Prove(MachineDescription description, Action<SoftwareMachine> show, IReadOnlyList<string> proved)
    {
        long started = Stopwatch.GetTimestamp();
        try
        {
            using SoftwareMachine machine = SoftwareMachine.Create(description);
            show(machine);
        }
        catch (Exception e) when (e is IommuException or InvalidOperationException or TimeoutException)
        {
            Check(false, e.Message);
        }

        TimeSpan took = Stopwatch.GetElapsedTime(started);
        if (json)
        {
            var result = new DemoResult(_title, _steps, Checks, Failures, Math.Round(took.TotalMilliseconds),
                Failures > 0 ? [] : proved);
            JsonOutput.Write(result, output);
        }
        else if (Failures > 0) Close(false, $"Not proved: {Failures} of {Checks} checks were not as they must be.");
        else
        {
            Close(true, $"Proved, by {Checks} checks in {took.TotalMilliseconds:f0} ms:");
            foreach (string sentence in proved) _text.WriteLine("- " + sentence);
        }

        return Failures > 0 ? 1 : 0;
    }

    /// <summary>The closing line.</summary>
    private void Close(bool proved, string text) => _text.WriteLine($"\n{Paint(text, proved ? "1;32" : "1;31")}");

    private string Paint(string text, string attributes) => color ? $"\u001b[{attributes}m{text}\u001b[0m" : text;
}

/// <summary>What a demo showed, as its JSON says it.</summary>
/// <param name="Title">What it is about.</param>
/// <param name="Steps">What it did, in order.</param>
/// <param name="CheckCount">Number of checks.</param>
/// <param name="Failed">Number of checks that failed.</param>
/// <param name="Milliseconds">How long it took.</param>
/// <param name="Proved">What follows from the checks; nothing if one failed.</param>
internal sealed record DemoResult(string Title, IReadOnlyList<DemoStep> Steps, int CheckCount, int Failed,
    double Milliseconds, IReadOnlyList<string> Proved);

/// <summary>A step of a demo.</summary>
/// <param name="Title">What it does.</param>
/// <param name="Says">What there is to know of it.</param>
/// <param name="Checks">What was checked.</param>
internal sealed record DemoStep(string Title, List<string> Says, List<DemoCheck> Checks);

/// <summary>A check of a demo.</summary>
/// <param name="Ok">Whether it holds.</param>
/// <param name="Text">What was found.</param>
internal sealed record DemoCheck(bool Ok, string Text);
