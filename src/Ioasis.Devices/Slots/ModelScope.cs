namespace Ioasis.Devices.Slots;

/// <summary>
/// Whose code a thread is in: the slot of the model that it was called for. Engines that are started there are that
/// slot's.
/// </summary>
/// <example><c>using (new ModelScope(slot)) model.Reset();</c></example>
internal readonly ref struct ModelScope
{
    [ThreadStatic]
    private static PciSlot? s_slot;

    private readonly PciSlot? _outer;

    internal ModelScope(PciSlot? slot)
    {
        _outer = s_slot;
        s_slot = slot;
    }

    /// <summary>The slot; null outside of any model's code.</summary>
    internal static PciSlot? Current => s_slot;

    public void Dispose() => s_slot = _outer;
}
