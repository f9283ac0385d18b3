namespace Ioasis.Devices.Slots;

/// <summary>
/// The receiver of a slot's interrupts. Any thread may call it, even during a call to the model, so it must neither
/// block nor call the slot.
/// </summary>
internal interface IInterruptTarget
{
    /// <summary>As <see cref="IPciSlot.MessagesEnabled"/>.</summary>
    bool MessagesEnabled { get; }

    /// <summary>As <see cref="IPciSlot.RaiseMessage"/>.</summary>
    bool RaiseMessage(int vector);

    /// <summary>The level of the interrupt line changed.</summary>
    void LineChanged(bool asserted);

    /// <summary>
    /// The function's model threw, so the function no longer responds (Linux: an uncorrectable error that AER reports).
    /// </summary>
    void Failed();
}
