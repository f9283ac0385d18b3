using System.Globalization;

namespace Ioasis.Replay.Calls;

/// <summary>One line of a sequence: what to call, and the values that are not those of a plain call.</summary>
public sealed class Call(string name)
{
    private readonly List<KeyValuePair<string, string>> _words = [];

    /// <summary>An ioctl of <see cref="CallTable"/>, or reset, open or close.</summary>
    public string Name => name;

    /// <summary>Whether it closes everything, so that no call before it matters.</summary>
    public bool IsReset => Name is "reset" or "reset_vdpa";

    /// <summary>Reads a line.</summary>
    /// <exception cref="FormatException">A word of it is not key=value.</exception>
    public static Call Parse(string line)
    {
        string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var call = new Call(words[0]);
        foreach (string word in words.Skip(1))
        {
            int equals = word.IndexOf('=');
            if (equals < 0) throw new FormatException($"\"{word}\" in \"{line}\" is not key=value.");
            call.Set(word[..equals], word[(equals + 1)..]);
        }

        return call;
    }

    /// <summary>The calls of a file's lines; empty ones and those that start with # are none.</summary>
    public static List<Call> ParseAll(IEnumerable<string> lines) =>
        [.. lines.Where(l => l.Length > 0 && !l.StartsWith('#')).Select(Parse)];

    /// <summary>The text of a value; null where the line has none.</summary>
    public string? Find(string key) => _words.Find(w => w.Key == key).Value;

    /// <summary>A value that is an index, 0 where the line has none.</summary>
    public int IndexOf(string key) => Find(key) is { } text ? int.Parse(text, CultureInfo.InvariantCulture) : 0;

    /// <summary>Sets a value.</summary>
    public Call Set(string key, string value)
    {
        _words.RemoveAll(w => w.Key == key);
        _words.Add(new(key, value));
        return this;
    }

    /// <summary>Sets a number; 0, which is what a line without it means, is left out, unless it is the size.</summary>
    public Call Set(string key, ulong value) =>
        value == 0 && key is not ("size" or "argsz") ? this : Set(key, value < 10 ? $"{value}" : $"0x{value:x}");

    /// <inheritdoc/>
    public override string ToString() => string.Join(' ', _words.Select(w => $"{w.Key}={w.Value}").Prepend(Name));
}
