using System.Globalization;
using Ioasis.Core.Faults;
using Ioasis.Core.Walks;

namespace Ioasis.Cli.Verbs;

/// <summary>
/// Prints a walk with all that is known of each step: the bits of the address that it uses, the entry's fields by name,
/// what the second stage maps there, and the rule by which an access is refused. The page says the same.
/// </summary>
internal static class WalkExplained
{
    private const string Inset = "        ";

    /// <summary>Prints it; with a colour for each level where the output shows colours.</summary>
    internal static void Write(
        ulong address, IReadOnlyList<WalkStep> steps, FaultReason reason, bool hasColours, TextWriter output)
    {
        foreach (WalkStep step in steps)
        {
            string line = WalkView.Line(step);
            output.WriteLine(!hasColours ? line
                : step.IsFault ? Screen.Red(line) : step.IsKept ? Screen.Yellow(line) : line);
            if (step.Uses is { } bits) output.WriteLine(Inset + Used(address, bits, step, hasColours));
            if (step.Mapping is { } mapping)
                output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"{Inset}read through stage 2: mapping 0x{mapping.First:x}-0x{mapping.Last:x}, {mapping.Access}"));
            foreach (WalkField field in (step.Fields ?? []).Reverse()) output.WriteLine(Inset + Line(field));
            if (step.Code is { } code)
                output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"{Inset}fault reason 0x{code:x}: {step.Rule ?? "the specification says no more"}"));
        }

        if (steps.FirstOrDefault(s => s.IsKept) is not null)
            output.WriteLine("The IOTLB keeps a translation; the device uses it until it is invalidated.");
        string end = reason == FaultReason.None ? "The address is translated." : $"The access faults: {reason}.";
        output.WriteLine(!hasColours ? end : reason == FaultReason.None ? Screen.Green(end) : Screen.Red(end));
    }

    private static string Used(ulong address, WalkBits bits, WalkStep step, bool hasColours)
    {
        ulong value = (address >> bits.First) & ((1UL << bits.Count) - 1);
        string digits = value.ToString($"b{bits.Count}", CultureInfo.InvariantCulture);
        string what = step.Entry is null ? "offset" : "index";
        return string.Create(CultureInfo.InvariantCulture,
            $"bits {bits.First + bits.Count - 1}:{bits.First} of the address are the {what}: "
                + $"{(hasColours ? Screen.Bold(digits) : digits)}, 0x{value:x}");
    }

    private static string Line(WalkField field)
    {
        string bits = field.Count == 1 ? $"{field.First}" : $"{field.First + field.Count - 1}:{field.First}";
        return string.Create(
            CultureInfo.InvariantCulture, $"{bits,5}  {field.Name,-4}  0x{field.Value:x}  {field.Says}");
    }
}
