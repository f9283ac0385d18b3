using System.Globalization;

namespace Ioasis.Diagnostics.Stacks;

/// <summary>
/// The names of code that a runtime compiled, as it writes them for perf(1): lines of <c>START SIZE NAME</c>, numbers
/// in hexadecimal. .NET does so where <c>DOTNET_PerfMapEnabled=1</c> is in its environment.
/// </summary>
internal sealed class PerfMap
{
    private readonly List<(ulong Start, ulong Length, string Name)> _functions = [];

    /// <summary>Reads a map.</summary>
    /// <param name="lines">Its lines. Those that are not understood are left out.</param>
    public PerfMap(IEnumerable<string> lines)
    {
        ArgumentNullException.ThrowIfNull(lines);
        foreach (string line in lines)
        {
            string[] parts = line.Split(' ', 3);
            if (parts.Length == 3 && TryHex(parts[0], out ulong start) && TryHex(parts[1], out ulong length))
                _functions.Add((start, length, parts[2]));
        }

        // Of code that was compiled again at the same place, the last line holds. The sort keeps their order.
        _functions = [.. _functions.OrderBy(f => f.Start)];
    }

    /// <summary>The function at an address.</summary>
    /// <param name="address">The address.</param>
    /// <param name="name">Its name.</param>
    /// <param name="offset">Bytes from its begin.</param>
    public bool TryFind(ulong address, out string name, out ulong offset)
    {
        (name, offset) = ("", 0);
        int low = 0, high = _functions.Count;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (_functions[middle].Start <= address) low = middle + 1;
            else high = middle;
        }

        if (low == 0 || address - _functions[low - 1].Start >= _functions[low - 1].Length) return false;
        (name, offset) = (_functions[low - 1].Name, address - _functions[low - 1].Start);
        return true;
    }

    private static bool TryHex(string text, out ulong value) =>
        ulong.TryParse(text.StartsWith("0x", StringComparison.Ordinal) ? text.AsSpan(2) : text,
            NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value);
}
