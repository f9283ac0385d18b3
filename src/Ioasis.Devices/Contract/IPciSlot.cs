using Ioasis.Core.Dma;

namespace Ioasis.Devices;

/// <summary>What a model is given when it is plugged in. All of it may be used from any thread.</summary>
public interface IPciSlot
{
    /// <summary>
    /// Opens a port for one engine of the function. A port serves one thread at a time; its accesses are translated by
    /// what the function's requester ID or the PASID given is attached to, and refused while the driver keeps bus
    /// mastering off.
    /// </summary>
    /// <param name="translations">
    /// How many translations the engine can keep by itself (<see cref="DmaPort.DeviceTlb"/>). It has none where ATS is
    /// not enabled.
    /// </param>
    DmaPort OpenDmaPort(int translations = 0);

    /// <summary>
    /// Reads a register as it stands in BAR memory now: what a driver wrote last, or the model published. Of a
    /// doorbell, the value of the last <see cref="PciDeviceModel.Ring"/> or <see cref="Publish"/>.
    /// </summary>
    ulong ReadRegister(int bar, Register register);

    /// <summary>
    /// Sets a register's value for drivers to read. On a doorbell this is also what a later write is told apart from
    /// when the BAR is mapped: publish 0 (or whatever it reads as when idle) once a command was taken, so that an equal
    /// one is seen again. A store that the driver has made to the doorbell since, and that the model was not told of
    /// yet, is not overwritten.
    /// </summary>
    void Publish(int bar, Register register, ulong value);

    /// <summary>Copies bytes out of a BAR's memory.</summary>
    /// <exception cref="ArgumentOutOfRangeException">They do not lie within the BAR.</exception>
    void ReadBar(int bar, ulong offset, Span<byte> destination);

    /// <summary>Copies bytes into a BAR's memory, without ringing doorbells.</summary>
    /// <exception cref="ArgumentOutOfRangeException">They do not lie within the BAR.</exception>
    void WriteBar(int bar, ulong offset, ReadOnlySpan<byte> source);

    /// <summary>
    /// Raises an interrupt message: MSI-X vector <paramref name="vector"/> when the driver enabled MSI-X, MSI vector
    /// <paramref name="vector"/> (modulo what it allowed) when it enabled MSI. False when neither is enabled: a
    /// function that also has INTx then uses <see cref="SetInterruptLine"/>. A message is a write to memory: one that
    /// is raised while the driver keeps bus mastering off is lost, as is one of a vector that the driver does not
    /// listen to.
    /// </summary>
    bool RaiseMessage(int vector);

    /// <summary>
    /// Sets the level of the function's INTx line. A function without an interrupt pin has none, and nothing happens.
    /// </summary>
    void SetInterruptLine(bool asserted);
}
