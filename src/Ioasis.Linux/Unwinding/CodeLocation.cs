namespace Ioasis.Linux.Unwinding;

/// <summary>What is known of a program counter.</summary>
/// <param name="Symbol">The function's name, demangled; null if it is not known.</param>
/// <param name="Offset">Bytes from the function's begin.</param>
/// <param name="File">The source file; null without debug information.</param>
/// <param name="Line">The line in it.</param>
/// <param name="Inlined">The functions that the compiler inlined here, innermost first. Their callers are the next
/// ones, and at last <see cref="Symbol"/>.</param>
internal readonly record struct CodeLocation(
    string? Symbol, ulong Offset, string? File, int Line, IReadOnlyList<string> Inlined)
{
    /// <summary>Nothing is known.</summary>
    public static CodeLocation Unknown { get; } = new(null, 0, null, 0, []);
}
