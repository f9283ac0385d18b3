using Ioasis.Core.Observation;

namespace Ioasis.Diagnostics.Trace;

/// <summary>What of a machine is traced: kinds of event, and calls on some nodes.</summary>
internal sealed class TraceFilter
{
    private static readonly (string Word, EventKinds Kinds, Predicate<NodeCall>? Calls)[] s_words =
    [
        ("iommu", EventKinds.Call, static c => IsOn(c, "/dev/iommu")),
        ("vfio", EventKinds.Call, static c => IsOn(c, "/dev/vfio/")),
        ("vdpa", EventKinds.Call, static c => IsOn(c, "/dev/vhost-vdpa")),
        ("sva", EventKinds.Call, static c => IsOn(c, "/dev/sva")),
        ("config", EventKinds.Call, RegionNames.IsConfiguration),
        ("sysfs", EventKinds.Call, static c => IsOn(c, "/sys/")),
        ("mdev", EventKinds.Call | EventKinds.Mdev, static c => IsOn(c, "/sys/")
            && (c.Path.Contains("/mdev_supported_types/", StringComparison.Ordinal)
                || c.Path.EndsWith("/remove", StringComparison.Ordinal))),
        ("dma", EventKinds.Dma, null),
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

    private readonly Predicate<NodeCall>[] _calls;

    private TraceFilter(EventKinds kinds, Predicate<NodeCall>[] calls) => (Kinds, _calls) = (kinds, calls);

    /// <summary>
    /// Everything but the accesses of devices (<c>dma</c>), which become slower when they are traced.
    /// </summary>
    public static TraceFilter All { get; } = new(EventKinds.All, [static _ => true]);

    /// <summary>The kinds of event.</summary>
    public EventKinds Kinds { get; }

    /// <summary>Reads words with commas between them, as strace's <c>-e trace=</c> has.</summary>
    /// <param name="text">The words, with <c>trace=</c> before them or without; null for <see cref="All"/>.</param>
    /// <param name="filter">What they mean.</param>
    /// <returns>What is wrong with a word; null if nothing is.</returns>
    public static string? TryRead(string? text, out TraceFilter filter)
    {
        filter = All;
        if (text is null) return null;
        EventKinds kinds = EventKinds.None;
        List<Predicate<NodeCall>> calls = [];
        foreach (string word in text[(text.StartsWith("trace=", StringComparison.Ordinal) ? 6 : 0)..].Split(','))
        {
            if (Array.Find(s_words, w => w.Word == word) is not { Word: not null } known)
                return $"\"{word}\" cannot be traced; expected some of: "
                    + string.Join(", ", s_words.Select(w => w.Word));
            kinds |= known.Kinds;
            if (known.Calls is not null) calls.Add(known.Calls);
        }

        filter = new TraceFilter(kinds, [.. calls]);
        return null;
    }

    /// <summary>Whether a call is traced.</summary>
    public bool Has(NodeCall call)
    {
        ArgumentNullException.ThrowIfNull(call);
        return Array.Exists(_calls, isTraced => isTraced(call));
    }

    private static bool IsOn(NodeCall call, string path) => call.Path.StartsWith(path, StringComparison.Ordinal);
}
