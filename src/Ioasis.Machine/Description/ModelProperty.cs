using System.Globalization;
using System.Text;

namespace Ioasis.Machine.Description;

/// <summary>A property that a description can give to a model.</summary>
/// <typeparam name="TOptions">The model's options.</typeparam>
/// <param name="Name">The property's name.</param>
/// <param name="Expected">A phrase for complaints: what its value is.</param>
/// <param name="With">The options with a value; null if the value is wrong.</param>
internal sealed record ModelProperty<TOptions>(
    string Name, string Expected, Func<TOptions, string, TOptions?> With) where TOptions : class;

/// <summary>The kinds of <see cref="ModelProperty{TOptions}"/>.</summary>
internal static class ModelProperty
{
    private const long LeastSize = 512, MostSize = 16L << 40;

    /// <summary>A number in a range. <paramref name="what"/> is its name in complaints.</summary>
    internal static ModelProperty<T> Count<T>(
        string name, int first, int last, Func<T, int, T> with, string what = "a number") where T : class =>
        new(name, $"is {what} from {first} to {last}", (options, text) => ParseCount(text) is int value
            && value >= first && value <= last ? with(options, value) : null);

    /// <summary>True or false.</summary>
    internal static ModelProperty<T> Flag<T>(string name, Func<T, bool, T> with) where T : class =>
        new(name, "is true or false",
            (options, text) => bool.TryParse(text, out bool value) ? with(options, value) : null);

    /// <summary>A hexadecimal mask of the low address bits.</summary>
    internal static ModelProperty<T> Mask<T>(string name, Func<T, ulong, T> with) where T : class =>
        new(name, "is a mask of address bits such as \"0xfffffff\"",
            (options, text) => ParseMask(text) is ulong mask ? with(options, mask) : null);

    /// <summary>A power of two in a range.</summary>
    internal static ModelProperty<T> PowerOfTwo<T>(string name, int first, int last, Func<T, int, T> with)
        where T : class =>
        new(name, $"is a power of two from {first} to {last}", (options, text) => ParseCount(text) is int value
            && int.IsPow2(value) && value >= first && value <= last ? with(options, value) : null);

    /// <summary>A number of 64 bits, hexadecimal after 0x.</summary>
    internal static ModelProperty<T> Number<T>(string name, Func<T, ulong, T> with) where T : class =>
        new(name, "is a number such as \"0xff\"",
            (options, text) => ParseNumber(text) is ulong value ? with(options, value) : null);

    /// <summary>A MAC address of one card.</summary>
    internal static ModelProperty<T> Mac<T>(string name, Func<T, ulong, T> with) where T : class =>
        new(name, "is the MAC address of a card such as \"52:54:00:12:34:56\"",
            (options, text) => ParseMac(text) is ulong mac ? with(options, mac) : null);

    /// <summary>A number of bytes, with an optional unit of 1024, 1024^2, 1024^3 or 1024^4.</summary>
    internal static ModelProperty<T> Size<T>(string name, Func<T, long, T> with) where T : class =>
        new(name, "is a number of bytes from 512 to 16T such as \"64M\"",
            (options, text) => ParseSize(text) is long size ? with(options, size) : null);

    /// <summary>The path of a file.</summary>
    internal static ModelProperty<T> Path<T>(string name, Func<T, string, T> with) where T : class =>
        new(name, "is the path of a file", (options, text) => text.Length > 0 ? with(options, text) : null);

    /// <summary>A short ASCII text.</summary>
    internal static ModelProperty<T> Text<T>(string name, int longest, Func<T, string, T> with) where T : class =>
        new(name, $"has 1 to {longest} ASCII characters", (options, text) =>
            text.Length > 0 && text.Length <= longest && Ascii.IsValid(text) ? with(options, text) : null);

    private static int? ParseCount(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value) ? value : null;

    private static ulong? ParseNumber(string text) => text.StartsWith("0x", StringComparison.Ordinal)
        ? ulong.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong value)
            ? value
            : null
        : ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out ulong number) ? number : null;

    private static ulong? ParseMac(string text)
    {
        const int bytes = 6;
        const ulong group = 1UL << 40;
        string[] parts = text.Split(':');
        if (parts.Length != bytes || parts.Any(part => part.Length != 2)) return null;
        return ulong.TryParse(string.Concat(parts), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture,
            out ulong mac) && (mac & group) == 0 ? mac : null;
    }

    private static ulong? ParseMask(string text) =>
        text.StartsWith("0x", StringComparison.Ordinal)
        && ulong.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong mask)
        && mask != 0 && (mask & unchecked(mask + 1)) == 0 ? mask : null;

    private static long? ParseSize(string text)
    {
        int unit = text.Length > 0 ? "KMGT".IndexOf(text[^1], StringComparison.Ordinal) + 1 : 0;
        bool isNumber = long.TryParse(unit == 0 ? text : text[..^1], NumberStyles.None, CultureInfo.InvariantCulture,
            out long value);
        return isNumber && value <= MostSize >> (unit * 10) && value << (unit * 10) >= LeastSize
            ? value << (unit * 10)
            : null;
    }
}
