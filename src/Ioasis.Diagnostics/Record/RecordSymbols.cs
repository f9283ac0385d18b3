using System.Globalization;

namespace Ioasis.Diagnostics.Record;

/// <summary>
/// The names that a recording gives to what a system numbers in its own way: open files, objects, PASIDs. Another
/// system may use other numbers for them.
/// </summary>
/// <remarks>
/// A call is recorded when it ends. By then the number that it named may stand for another object: one call destroyed
/// the object, and before that call's end another one made an object with the same number. So a number is looked up as
/// of the time at which the call began.
/// </remarks>
internal sealed class RecordSymbols
{
    /// <summary>The present, later than any time.</summary>
    public const long Now = long.MaxValue;

    // Of one number. So many objects can follow one another during a call.
    private const int MostHeld = 16;

    private readonly Dictionary<object, string> _files = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<(string Context, ulong Id), List<Held>> _ids = [];
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
    /// <param name="context">The name of the context's file.</param>
    /// <param name="id">Its number here.</param>
    /// <param name="at">A time, as of <see cref="System.Diagnostics.Stopwatch.GetTimestamp"/>; <see cref="Now"/> for
    /// the present.</param>
    public string? NameOf(string context, ulong id, long at = Now) =>
        _ids.TryGetValue((context, id), out List<Held>? all) && Find(all, at) is >= 0 and var i ? all[i].Name : null;

    /// <summary>Gives an object of a context a name.</summary>
    /// <param name="context">The name of the context's file.</param>
    /// <param name="id">Its number here.</param>
    /// <param name="kind">What the name begins with.</param>
    /// <param name="wanted">The name; null if any will do.</param>
    /// <param name="from">The time from which on calls can name it.</param>
    public string Add(string context, ulong id, string kind, string? wanted, long from = 0)
    {
        string name = wanted ?? Next(kind);
        if (!_ids.TryGetValue((context, id), out List<Held>? all)) _ids[(context, id)] = all = [];
        End(all, all.Count - 1, from);
        if (all.Count == MostHeld) all.RemoveAt(0);
        all.Add(new Held(name, from, Now));
        _numbers[name] = id;
        return name;
    }

    /// <summary>An object is gone, and its number may come again.</summary>
    /// <param name="context">The name of the context's file.</param>
    /// <param name="id">Its number here.</param>
    /// <param name="at">When the call began that destroyed it.</param>
    /// <param name="until">When that call ended.</param>
    public void Remove(string context, ulong id, long at = Now, long until = 0)
    {
        if (_ids.TryGetValue((context, id), out List<Held>? all)) End(all, Find(all, at), until);
    }

    /// <summary>The number that a name stands for here.</summary>
    public bool TryNumber(string name, out ulong id) => _numbers.TryGetValue(name, out id);

    /// <summary>The context whose objects a file's calls name: the one that it was bound to, or its own.</summary>
    public string ContextOf(string file) => _contexts.GetValueOrDefault(file, file);

    /// <summary>A file was bound to a context.</summary>
    public void Bind(string file, string context) => _contexts[file] = context;

    private static int Find(List<Held> all, long at) =>
        all.FindLastIndex(held => held.From <= at && at <= held.Until);

    // One that was followed by another has ended already.
    private static void End(List<Held> all, int index, long until)
    {
        if (index >= 0 && all[index].Until == Now) all[index] = all[index] with { Until = until };
    }

    private string Next(string kind)
    {
        int number = _counts[kind] = _counts.GetValueOrDefault(kind) + 1;
        return string.Create(CultureInfo.InvariantCulture, $"{kind}{number}");
    }

    /// <summary>The name that a number had for some time.</summary>
    private readonly record struct Held(string Name, long From, long Until);
}
