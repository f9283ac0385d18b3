using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;

namespace Ioasis.Core.Observation;

/// <summary>A sentence with values for a <see cref="Refusal"/>: formatted only where it is listened to.</summary>
[InterpolatedStringHandler]
public readonly ref struct RefusalText
{
    [ThreadStatic] private static StringBuilder? s_spare; // between two sentences of a thread

    // A single reference, so that the frame of a method with several of them stays small.
    private readonly StringBuilder? _text;

    /// <summary>Begins a sentence.</summary>
    /// <param name="literalLength">Characters that are always there.</param>
    /// <param name="formattedCount">How many values there are.</param>
    /// <param name="isHeard">Whether it is formatted.</param>
    public RefusalText(int literalLength, int formattedCount, out bool isHeard)
    {
        isHeard = Refusal.IsHeard;
        if (!isHeard) return;
        _text = s_spare ?? new StringBuilder(literalLength + (formattedCount * 8));
        s_spare = null; // a value may refuse something itself while it is formatted
    }

    /// <summary>Appends characters.</summary>
    public void AppendLiteral(string value) => _text!.Append(value);

    /// <summary>Appends a value.</summary>
    public void AppendFormatted<T>(T value) => _text!.Append(CultureInfo.InvariantCulture, $"{value}");

    /// <summary>Appends a value in a format.</summary>
    public void AppendFormatted<T>(T value, string format) where T : IFormattable =>
        _text!.Append(value.ToString(format, CultureInfo.InvariantCulture));

    /// <summary>The sentence; null if it was not formatted.</summary>
    public override string? ToString()
    {
        if (_text is null) return null;
        string text = _text.ToString();
        s_spare = _text.Clear();
        return text;
    }
}
