using System.Globalization;

namespace Ioasis.Examples;

/// <summary>The words of a driver program's command line: options first taken by name, then operands.</summary>
/// <param name="words">The words.</param>
internal sealed class DriverArguments(string[] words)
{
    private readonly List<string> _left = [.. words];

    /// <summary>Takes an option without a value; whether it was given.</summary>
    internal bool Take(string option) => _left.Remove(option);

    /// <summary>Takes an option with a value.</summary>
    /// <param name="option">Its name.</param>
    /// <param name="otherwise">The value if it was not given.</param>
    /// <exception cref="ArgumentException">It lacks its value.</exception>
    internal string Take(string option, string otherwise)
    {
        int at = _left.IndexOf(option);
        if (at < 0) return otherwise;
        if (at + 1 == _left.Count) throw new ArgumentException($"{option} lacks its value.");
        string value = _left[at + 1];
        _left.RemoveRange(at, 2);
        return value;
    }

    /// <summary>Takes an option whose value is a number.</summary>
    /// <exception cref="ArgumentException">It lacks its value, or the value is no number.</exception>
    internal int Take(string option, int otherwise) =>
        Number(Take(option, otherwise.ToString(CultureInfo.InvariantCulture)));

    /// <summary>The words that are left: a command and its operands.</summary>
    /// <exception cref="ArgumentException">One of them is an option that nobody took.</exception>
    internal string[] Operands() => _left.Find(word => word.StartsWith('-')) is { } option
        ? throw new ArgumentException($"{option} is no option.")
        : [.. _left];

    /// <summary>A word as a number.</summary>
    /// <exception cref="ArgumentException">It is none.</exception>
    internal static int Number(string word) =>
        int.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out int number)
            ? number
            : throw new ArgumentException($"{word} is no number.");
}
