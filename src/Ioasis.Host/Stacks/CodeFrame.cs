using System.Globalization;
using Ioasis.Linux.Unwinding;

namespace Ioasis.Host.Stacks;

/// <summary>A frame of a stack with its names.</summary>
/// <param name="Pc">The program counter.</param>
/// <param name="Module">The file that the code is in, or another word for where it is.</param>
/// <param name="ModuleOffset">The place of the program counter in that file.</param>
/// <param name="Location">What is known of it.</param>
/// <param name="Note">What is to be said beside; null for nothing.</param>
internal sealed record CodeFrame(
    ulong Pc, string Module, ulong ModuleOffset, CodeLocation Location, string? Note = null)
{
    /// <summary>As strace has it: <c>file(function+0x1f) [0x12a1] source.c:12</c>.</summary>
    public string ToStrace()
    {
        string symbol = Function is { } function
            ? string.Create(CultureInfo.InvariantCulture, $"{function}+0x{Location.Offset:x}")
            : "";
        return string.Create(CultureInfo.InvariantCulture,
            $"{Module}({symbol}) [0x{ModuleOffset:x}]{Source}{(Note is null ? "" : $" ({Note})")}");
    }

    /// <summary>
    /// As AddressSanitizer has it: <c>#1 0x55d0c2a012a1 in function source.c:12</c>, or the file and the place in it
    /// where there is no source. Source of the C library is left out: nobody looks for a mistake there.
    /// </summary>
    /// <param name="number">The number of the frame.</param>
    public string ToSanitizer(int number)
    {
        string place = Source.Length != 0 && !IsLibc
            ? Source
            : string.Create(CultureInfo.InvariantCulture, $" ({Module}+0x{ModuleOffset:x})");
        return string.Create(CultureInfo.InvariantCulture, $"#{number} 0x{Pc:x} in {Function ?? "??"}{place}");
    }

    private string? Function => Location.Symbol is { } symbol
        ? string.Concat(Location.Inlined.Select(i => $"{i} inlined in ")) + symbol
        : null;

    private string Source => Location.File is { } file
        ? string.Create(CultureInfo.InvariantCulture, $" {file}:{Location.Line}")
        : "";

    private bool IsLibc => Path.GetFileName(Module).StartsWith("libc.", StringComparison.Ordinal);
}
