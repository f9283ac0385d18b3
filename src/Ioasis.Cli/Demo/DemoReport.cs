using System.Diagnostics;
using Ioasis.Client;
using Ioasis.Machine;
using Ioasis.Machine.Description;

namespace Ioasis.Cli.Demo;

/// <summary>
/// What the demo says, and the count of what it checked. Its own colours: a library for them would take longer than the
/// demo.
/// </summary>
internal sealed class DemoReport(TextWriter output, bool color)
{
    private int _step;

    /// <summary>How many things were checked.</summary>
    internal int Checks { get; private set; }

    /// <summary>How many of them were not as they must be.</summary>
    internal int Failures { get; private set; }

    internal void Title(string text) => output.WriteLine(Paint(text, "1"));

    internal void Step(string text) => output.WriteLine($"\n{Paint($"{++_step}. {text}", "1")}");

    internal void Say(string text) => output.WriteLine("   " + text);

    /// <summary>Says what was found, and whether that is how it must be.</summary>
    internal void Check(bool holds, string text)
    {
        Checks++;
        if (!holds) Failures++;
        output.WriteLine($"   {(holds ? Paint("ok ", "32") : Paint("NOT", "1;31"))}  {text}");
    }

    /// <summary>
    /// Runs a demo on a machine, and closes with what it proved, if all was as it must be; the exit code.
    /// </summary>
    /// <param name="description">The machine.</param>
    /// <param name="show">The demo.</param>
    /// <param name="proved">What follows from its checks.</param>
    internal int Prove(MachineDescription description, Action<SoftwareMachine> show, string proved)
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
            Close(true,
            $"Proved, by {Checks} checks in {Stopwatch.GetElapsedTime(started).TotalMilliseconds:f0} ms: {proved}");
        return Failures > 0 ? 1 : 0;
    }

    /// <summary>The closing line.</summary>
    private void Close(bool proved, string text) => output.WriteLine($"\n{Paint(text, proved ? "1;32" : "1;31")}");

    private string Paint(string text, string attributes) => color ? $"\u001b[{attributes}m{text}\u001b[0m" : text;
}
