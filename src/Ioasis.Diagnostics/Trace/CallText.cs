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
    /// Appends the call, its arguments, its result, and what it left in its structure or why it was refused.
    /// </summary>
    internal static void Append(StringBuilder text, NodeCall call)
    {
        text.Append(CultureInfo.InvariantCulture, $"{call.Name}({call.Descriptor}<{call.Path}>");
        if (call.Name == "ioctl") AppendIoctl(text, call);
        else AppendTransfer(text, call);
        text.Append(") = ");
        if (call.Result < 0)
        {
            text.Append(CultureInfo.InvariantCulture, $"-1 {(Errno)(-call.Result)}");
            if (call.Why is not null) text.Append(" (").Append(call.Why).Append(')');
            if (call.IsInjected) text.Append(" (INJECTED)");
            return;
        }

        text.Append(CultureInfo.InvariantCulture, $"{call.Result}");
        if (call.Structure is { } structure)
            StructFields.Of(structure).AppendChanged(text, " ", call.Before, call.After);
    }

    private static void AppendIoctl(StringBuilder text, NodeCall call)
    {
        text.Append(", ").Append(call.CommandName ?? DiagnosticsJson.Hex(call.Command));
        if (call.Before.Length != 0 && call.Structure is { } structure)
            StructFields.Of(structure).Append(text, ", ", call.Before);
        else text.Append(CultureInfo.InvariantCulture, $", 0x{call.Argument:x}");
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
}
