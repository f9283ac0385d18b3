using System.Diagnostics;
using Ioasis.Client;
using Ioasis.Machine;
using Ioasis.Machine.Description;

namespace Ioasis.Cli.Demo;

/// <summary>
/// Prints the demo's findings and counts its checks. Colours are our own: a library for them would take longer to load
/// than the demo runs.
/// </summary>
internal sealed class DemoReport(TextWriter output, bool color)
{
    private int _step;

    /// <summary>Number of checks.</summary>
    internal int Checks { get; private set; }

    /// <summary>Number of checks that failed.</summary>
    internal int Failures { get; private set; }

    internal void Title(string text) => output.WriteLine(Paint(text, "1"));

    internal void Step(string text) => output.WriteLine($"\n{Paint($"{++_step}. {text}", "1")}");

    internal void Say(string text) => output.WriteLine("   " + text);

    /// <summary>Prints a finding, and whether it is as expected.</summary>
    internal void Check(bool holds, string text)
    {
        Checks++;
        if (!holds) Failures++;
        output.WriteLine($"   {(holds ? Paint("ok ", "32") : Paint("NOT", "1;31"))}  {text}");
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

        if (Failures > 0) Close(false, $"Not proved: {Failures} of {Checks} checks were not as they must be.");
        else
        {
            double took = Stopwatch.GetElapsedTime(started).TotalMilliseconds;
            Close(true, $"Proved, by {Checks} checks in {took:f0} ms:");
            foreach (string sentence in proved) output.WriteLine("- " + sentence);
        }

        return Failures > 0 ? 1 : 0;
    }

    /// <summary>The closing line.</summary>
    private void Close(bool proved, string text) => output.WriteLine($"\n{Paint(text, proved ? "1;32" : "1;31")}");

    private string Paint(string text, string attributes) => color ? $"\u001b[{attributes}m{text}\u001b[0m" : text;
}
