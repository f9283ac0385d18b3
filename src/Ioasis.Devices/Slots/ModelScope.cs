namespace Ioasis.Devices.Slots;

/// <summary>
/// Whose code a thread is in: the slot of the model that it was called for. Engines that are started there are that
/// slot's.
/// </summary>
/// <example><c>using (new ModelScope(slot)) model.Reset();</c></example>
internal readonly ref struct ModelScope
{
    [ThreadStatic]
    private static PciSlot? t_slot;

    private readonly PciSlot? _outer;

    internal ModelScope(PciSlot? slot)
    {
        _outer = t_slot;
        t_slot = slot;
    }

    /// <summary>The slot; null outside of any model's code.</summary>
    internal static PciSlot? Current => t_slot;

    public void Dispose() => t_slot = _outer;
}
