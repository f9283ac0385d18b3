using System.Globalization;
using System.Text;
using System.Text.Json;
using Ioasis.Abi;
using Ioasis.Core.Observation;

namespace Ioasis.Diagnostics.Trace;

/// <summary>A call in strace's manner.</summary>
internal static class CallText
{
    /// <summary>
    /// The call, its arguments, its result, and what it left in its structure or why it was refused.
    /// </summary>
    internal static string Of(NodeCall call)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{call.Name}({call.Descriptor}<{call.Path}>");
        if (call.Name == "ioctl") AppendIoctl(text, call);
        else AppendTransfer(text, call);
        text.Append(") = ");
        if (call.Result < 0)
        {
            text.Append(CultureInfo.InvariantCulture, $"-1 {(Errno)(-call.Result)}");
            if (call.Why is not null) text.Append($" ({call.Why})");
            return text.Append(call.IsInjected ? " (INJECTED)" : "").ToString();
        }

        text.Append(call.Result.ToString(CultureInfo.InvariantCulture));
        if (call.Structure is { } structure)
            Append(text, " ", StructFields.Of(structure).ReadChanged(call.Before, call.After));
        return text.ToString();
    }

    private static void AppendIoctl(StringBuilder text, NodeCall call)
    {
        text.Append(", ").Append(call.CommandName ?? DiagnosticsJson.Hex(call.Command));
        if (call.Before.Length != 0 && call.Structure is { } structure)
            Append(text, ", ", StructFields.Of(structure).Read(call.Before));
        else text.Append(", ").Append(DiagnosticsJson.Hex(call.Argument));
    }

    private static void AppendTransfer(StringBuilder text, NodeCall call)
    {
        byte[] bytes = call.Name == "read" ? call.After : call.Before;
        string more = (ulong)bytes.Length < call.Count ? "..." : "";
        if (bytes.Length != 0) text.Append(", ").Append(TextOf(call, bytes)).Append(more);
        text.Append(CultureInfo.InvariantCulture, $", {call.Count}");
        if (call.Offset is { } offset) text.Append(", ").Append(RegionNames.Of(call, offset));
    }

    /// <summary>What is written to attributes of sysfs is text; other files have bytes.</summary>
    private static string TextOf(NodeCall call, byte[] bytes) =>
        call.Path.StartsWith("/sys/", StringComparison.Ordinal)
            ? JsonSerializer.Serialize(Encoding.Latin1.GetString(bytes), DiagnosticsJson.Line)
            : Convert.ToHexStringLower(bytes);

    private static void Append(StringBuilder text, string before, IEnumerable<ShownField> fields)
    {
        string all = string.Join(", ", fields.Select(f => f.Name.Length == 0 ? f.Text : $"{f.Name}={f.Text}"));
        if (all.Length != 0) text.Append(before).Append('{').Append(all).Append('}');
    }
}
