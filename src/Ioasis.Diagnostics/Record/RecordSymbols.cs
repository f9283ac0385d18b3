using System.Globalization;

namespace Ioasis.Diagnostics.Record;

/// <summary>
/// The names that a recording gives to what a system numbers in its own way: open files, objects, PASIDs. Another
/// system may use other numbers for them.
/// </summary>
internal sealed class RecordSymbols
{
    private readonly Dictionary<object, string> _files = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<(string Context, ulong Id), string> _ids = [];
    private readonly Dictionary<string, ulong> _numbers = [];
    private readonly Dictionary<string, string> _contexts = [];
    private readonly Dictionary<string, int> _counts = [];

    /// <summary>The name of a file; a new one if it has none.</summary>
    /// <param name="file">The open file.</param>
    /// <param name="wanted">The new name; null if any will do.</param>
    /// <param name="kind">What a new name begins with.</param>
    public string NameOf(object file, string? wanted = null, string kind = "file")
    {
        ArgumentNullException.ThrowIfNull(file);
        if (_files.TryGetValue(file, out string? name)) return name;
        return _files[file] = wanted ?? Next(kind);
    }

    /// <summary>The name of an object of a context; null if it has none.</summary>
    public string? NameOf(string context, ulong id) => _ids.GetValueOrDefault((context, id));

    /// <summary>Gives an object of a context a name.</summary>
    /// <param name="context">The name of the context's file.</param>
    /// <param name="id">Its number here.</param>
    /// <param name="kind">What the name begins with.</param>
    /// <param name="wanted">The name; null if any will do.</param>
    public string Add(string context, ulong id, string kind, string? wanted)
    {
        string name = wanted ?? Next(kind);
        _ids[(context, id)] = name;
        _numbers[name] = id;
        return name;
    }

    /// <summary>An object is gone, and its number may come again.</summary>
    public void Remove(string context, ulong id) => _ids.Remove((context, id));

    /// <summary>The number that a name stands for here.</summary>
    public bool TryNumber(string name, out ulong id) => _numbers.TryGetValue(name, out id);

    /// <summary>The context whose objects a file's calls name: the one that it was bound to, or its own.</summary>
    public string ContextOf(string file) => _contexts.GetValueOrDefault(file, file);

    /// <summary>A file was bound to a context.</summary>
    public void Bind(string file, string context) => _contexts[file] = context;

    private string Next(string kind)
    {
        int number = _counts[kind] = _counts.GetValueOrDefault(kind) + 1;
        return string.Create(CultureInfo.InvariantCulture, $"{kind}{number}");
    }
}
