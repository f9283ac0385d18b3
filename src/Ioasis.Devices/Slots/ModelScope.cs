namespace Ioasis.Devices.Slots;

/// <summary>
/// Marks whose code a thread is running: the slot of the model that was called. Engines that are started meanwhile
/// belong to that slot.
/// </summary>
/// <example><c>using (new ModelScope(slot)) model.Reset();</c></example>
internal readonly ref struct ModelScope
{
    [ThreadStatic]
    private static IModelHost? s_slot;

    private readonly IModelHost? _outer;

    internal ModelScope(IModelHost? slot)
    {
        _outer = s_slot;
        s_slot = slot;
    }

    /// <summary>The slot; null outside of a model's code.</summary>
    internal static IModelHost? Current => s_slot;

    public void Dispose() => s_slot = _outer;
}
