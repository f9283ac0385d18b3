using Ioasis.Core.Observation;

namespace Ioasis.Diagnostics.Trace;

/// <summary>What of a machine is traced: kinds of event, and calls on some nodes.</summary>
public sealed class TraceFilter
{
    private static readonly (string Word, EventKinds Kinds, string? Path)[] s_words =
    [
        ("iommu", EventKinds.Call, "/dev/iommu"),
        ("vfio", EventKinds.Call, "/dev/vfio/"),
        ("vdpa", EventKinds.Call, "/dev/vhost-vdpa"),
        ("sva", EventKinds.Call, "/dev/sva"),
        ("open", EventKinds.Open | EventKinds.Close, null),
        ("map", EventKinds.Map | EventKinds.Unmap, null),
        ("attach", EventKinds.Bind | EventKinds.Unbind | EventKinds.Attach | EventKinds.Detach, null),
        ("fault", EventKinds.Fault, null),
        ("inv", EventKinds.Invalidate, null),
        ("prq", EventKinds.PageRequest | EventKinds.PageResponse, null),
        ("irq", EventKinds.Interrupt, null),
        ("mmio", EventKinds.Doorbell, null),
        ("reset", EventKinds.Reset, null),
        ("inject", EventKinds.Inject, null),
    ];

    private readonly string[] _paths;

    private TraceFilter(EventKinds kinds, string[] paths) => (Kinds, _paths) = (kinds, paths);

    /// <summary>Everything.</summary>
    public static TraceFilter All { get; } = new(EventKinds.All, [""]);

    /// <summary>The kinds of event.</summary>
    public EventKinds Kinds { get; }

    /// <summary>Reads words with commas between them, as strace's <c>-e trace=</c> has.</summary>
    /// <param name="text">The words, with <c>trace=</c> before them or without; null for everything.</param>
    /// <param name="filter">What they mean.</param>
    /// <returns>What is wrong with a word; null if nothing is.</returns>
    public static string? TryRead(string? text, out TraceFilter filter)
    {
        filter = All;
        if (text is null) return null;
        EventKinds kinds = EventKinds.None;
        List<string> paths = [];
        foreach (string word in text[(text.StartsWith("trace=", StringComparison.Ordinal) ? 6 : 0)..].Split(','))
        {
            if (Array.Find(s_words, w => w.Word == word) is not { Word: not null } known)
                return $"\"{word}\" cannot be traced; expected some of: "
                    + string.Join(", ", s_words.Select(w => w.Word));
            kinds |= known.Kinds;
            if (known.Path is not null) paths.Add(known.Path);
        }

        filter = new TraceFilter(kinds, [.. paths]);
        return null;
    }

    /// <summary>Whether calls on a node are traced.</summary>
    public bool Has(NodeCall call)
    {
        ArgumentNullException.ThrowIfNull(call);
        return Array.Exists(_paths, p => call.Path.StartsWith(p, StringComparison.Ordinal));
    }
}
