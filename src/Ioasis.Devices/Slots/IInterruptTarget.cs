namespace Ioasis.Devices.Slots;

/// <summary>
/// Where a slot's interrupts go. Called from any thread, also while a call to the model is under way: it must neither
/// block nor call the slot.
/// </summary>
internal interface IInterruptTarget
{
    /// <summary>As <see cref="IPciSlot.RaiseMessage"/>.</summary>
    bool RaiseMessage(int vector);

    /// <summary>The level of the interrupt line changed.</summary>
    void LineChanged(bool asserted);

    /// <summary>
    /// The function's model threw: the function does not answer any more (Linux: an uncorrectable error that AER
    /// reports).
    /// </summary>
    void Failed();
}
