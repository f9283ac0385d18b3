using Ioasis.Core.Observation;

namespace Ioasis.Diagnostics.Events;

/// <summary>The names of kinds of event. Where perf has an event of the same meaning, the name is perf's.</summary>
internal static class EventNames
{
    private static readonly (EventKinds Kind, string Name)[] s_names =
    [
        (EventKinds.Map, "map"),
        (EventKinds.Unmap, "unmap"),
        (EventKinds.Attach, "attach_device_to_domain"),
        (EventKinds.Detach, "detach_device_from_domain"),
        (EventKinds.Invalidate, "invalidate"),
        (EventKinds.PageRequest, "page_request"),
        (EventKinds.PageResponse, "page_response"),
        (EventKinds.Fault, "io_page_fault"),
        (EventKinds.Reset, "reset"),
        (EventKinds.Doorbell, "doorbell"),
        (EventKinds.Interrupt, "irq"),
        (EventKinds.Bind, "bind"),
        (EventKinds.Unbind, "unbind"),
        (EventKinds.Open, "open"),
        (EventKinds.Close, "close"),
        (EventKinds.Call, "call"),
        (EventKinds.Inject, "inject"),
        (EventKinds.StrayResponse, "stray_response"),
        (EventKinds.Mdev, "mdev"),
        (EventKinds.Dma, "dma"),
        (EventKinds.StaleTranslation, "stale_translation"),
    ];

    /// <summary>All names, in the order of the kinds.</summary>
    public static IEnumerable<string> All => s_names.Select(n => n.Name);

    /// <summary>All kinds, in the same order.</summary>
    internal static IEnumerable<EventKinds> Kinds => s_names.Select(n => n.Kind);

    /// <summary>The name of one kind.</summary>
    public static string Of(EventKinds kind)
    {
        foreach ((EventKinds known, string name) in s_names)
            if (known == kind) return name;
        throw new ArgumentOutOfRangeException(nameof(kind), kind, "There is no event of this kind.");
    }

    /// <summary>Reads names with commas between them; nothing means <see cref="EventKinds.All"/>.</summary>
    /// <param name="text">The names.</param>
    /// <param name="kinds">Their kinds.</param>
    /// <returns>The name that there is not; null if all are known.</returns>
    public static string? TryRead(string? text, out EventKinds kinds)
    {
        kinds = string.IsNullOrEmpty(text) ? EventKinds.All : EventKinds.None;
        if (kinds != EventKinds.None) return null;
        foreach (string name in text!.Split(','))
        {
            EventKinds kind = Array.Find(s_names, n => n.Name == name).Kind;
            if (kind == EventKinds.None) return name;
            kinds |= kind;
        }

        return null;
    }
}
