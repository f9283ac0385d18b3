using System.Globalization;
using System.Text.Json;
using Ioasis.Core.Faults;
using Ioasis.Core.Walks;
using Ioasis.Host.Control;

namespace Ioasis.Cli.Verbs;

/// <summary>Prints translations and faults: aligned, with colour on a terminal, or as JSON.</summary>
internal static class WalkView
{
    internal static void Write(IReadOnlyList<WalkStep> steps, FaultReason reason, bool json, TextWriter output)
    {
        if (json)
        {
            JsonOutput.Write(new { Reason = reason, Steps = steps }, output);
            return;
        }

        bool hasColours = Screen.HasColours(output);
        foreach (WalkStep step in steps)
        {
            string line = Line(step);
            output.WriteLine(!hasColours ? line
                : step.IsFault ? Screen.Red(line) : step.IsKept ? Screen.Yellow(line) : line);
        }
    }

    /// <summary>One step on one line: who, which level, the address looked up, the entry, and the result.</summary>
    internal static string Line(WalkStep step)
    {
        string stage = step.Stage switch
        {
            WalkStage.First => "stage 1",
            WalkStage.Second => "stage 2",
            WalkStage.Process => "process",
            WalkStage.Context => "context",
            _ => "device"
        };
        string level = step.Level == 0
            ? ""
            : step.IsKept ? "kept" : string.Create(CultureInfo.InvariantCulture, $"level {step.Level}");
        string entry = step.Entry is { } value ? string.Create(CultureInfo.InvariantCulture, $"0x{value:x16}") : "";
        return string.Create(CultureInfo.InvariantCulture,
            $"{stage,-7} {level,-7} 0x{step.Address:x16} {entry,-18} {step.Says}").TrimEnd();
    }

    internal static void Write(IReadOnlyList<ControlFault> faults, bool json, TextWriter output)
    {
        if (json)
        {
            JsonOutput.Write(new { Faults = faults }, output);
            return;
        }

        if (faults.Count == 0) output.WriteLine("no faults");
        foreach (ControlFault fault in faults) output.WriteLine(Line(fault));
    }

    /// <summary>Writes a fault that came, and at once.</summary>
    internal static void WriteOne(ReadOnlyMemory<byte> line, bool json, TextWriter output)
    {
        if (JsonSerializer.Deserialize<ControlFault>(line.Span) is not { } fault) return;
        if (json) JsonOutput.WriteLine(fault, output);
        else output.WriteLine(Line(fault));
        output.Flush();
    }

    private static string Line(ControlFault fault)
    {
        string pasid = fault.Pasid is { } value
            ? string.Create(CultureInfo.InvariantCulture, $"PASID {value}")
            : "";
        return string.Create(CultureInfo.InvariantCulture,
            $"{fault.Unit,-8} {fault.Sequence,6}  {fault.Device}  {pasid,-13} {(fault.IsWrite ? "write" : "read"),-5} "
                + $"0x{fault.Address:x16}  {fault.Reason}, reason 0x{fault.Code:x}");
    }
}
