using Ioasis.Core.Units;
using Ioasis.Machine.Json;

namespace Ioasis.Machine.Description;

/// <summary>
/// The properties of a unit in a description. Until <see cref="CheckAllAsked"/> it notes which of them the driver asks
/// for; afterwards any number of threads may read them.
/// </summary>
/// <param name="reader">The object that has them.</param>
internal sealed class JsonUnitProperties(JsonReaderAt reader) : UnitProperties
{
    private readonly List<string> _asked = [];
    private readonly List<JsonUnitProperties> _groups = [];
    private bool _isChecked;

    public override bool Boolean(string name, bool otherwise) => Ask(name).Boolean(name, otherwise);

    public override ulong? Unsigned(string name) => Ask(name).Unsigned(name);

    public override string? String(string name) => Ask(name).String(name);

    public override IReadOnlyList<UnitProperties> List(string name, string what)
    {
        IReadOnlyList<JsonUnitProperties> list =
            [.. Ask(name).Array(name).Select(item => new JsonUnitProperties(reader.Open(item, what)))];
        if (!_isChecked) _groups.AddRange(list);
        return list;
    }

    public override Exception Mistake(string name, string sentence) => reader.Complain(name, sentence);

    /// <summary>Complains of members that were not asked for; the driver has read all that it knows.</summary>
    internal void CheckAllAsked()
    {
        reader.CheckKnown(_asked);
        foreach (JsonUnitProperties group in _groups) group.CheckAllAsked();
        _isChecked = true;
    }

    private JsonReaderAt Ask(string name)
    {
        if (!_isChecked && !_asked.Contains(name)) _asked.Add(name);
        return reader;
    }
}
