using Ioasis.Core.Dma;
using Ioasis.Memory;

namespace Ioasis.Devices;

/// <summary>The slot that a model is plugged into. Thread-safe.</summary>
public interface IPciSlot
{
    /// <summary>
    /// Opens a port for one engine of the function. One thread at a time uses a port. The attachment of the function's
    /// requester ID, or of the given PASID, translates its accesses. They are refused while the driver keeps bus
    /// mastering off.
    /// </summary>
    /// <param name="translations">Number of translations that the engine can cache (<see cref="DmaPort.DeviceTlb"/>).
    /// It caches none while ATS is disabled.</param>
    /// <param name="defaultPasid">The PASID of requests that give none. It serves an engine that works for a part of
    /// the function and knows nothing of PASIDs. Null: they carry none.</param>
    DmaPort OpenDmaPort(int translations = 0, Pasid? defaultPasid = null);

    /// <summary>
    /// Whether the function may send requests now: its driver has bus mastering on, and for a part of a function the
    /// parent has it on, too.
    /// </summary>
    bool IsBusMaster { get; }

    /// <summary>
    /// Reads a register's present value in BAR memory: the last one that a driver wrote or the model published. For a
    /// doorbell, the value of the last <see cref="PciDeviceModel.Ring"/> or <see cref="Publish"/>.
    /// </summary>
    ulong ReadRegister(int bar, Register register);

    /// <summary>
    /// Sets the value that drivers read from a register. In a mapped BAR, a doorbell rings when its value differs from
    /// the published one. So publish 0 (or the idle value) after taking a command: then the same command rings again. A
    /// driver's store that has not rung yet is not overwritten.
    /// </summary>
    void Publish(int bar, Register register, ulong value);

    /// <summary>Copies bytes out of a BAR's memory.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The bytes do not lie within the BAR.</exception>
    void ReadBar(int bar, ulong offset, Span<byte> destination);

    /// <summary>Copies bytes into a BAR's memory, without ringing doorbells.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The bytes do not lie within the BAR.</exception>
    void WriteBar(int bar, ulong offset, ReadOnlySpan<byte> source);

    /// <summary>Whether the driver has enabled MSI or MSI-X.</summary>
    bool MessagesEnabled { get; }

    /// <summary>
    /// Raises an interrupt message: MSI-X vector <paramref name="vector"/> if the driver enabled MSI-X, or MSI vector
    /// <paramref name="vector"/> (modulo the number it allowed) if it enabled MSI. False if neither is enabled: a
    /// function with INTx then uses <see cref="SetInterruptLine"/>. A message is a memory write: it is lost while bus
    /// mastering is off, and if the driver does not listen to the vector.
    /// </summary>
    bool RaiseMessage(int vector);

    /// <summary>
    /// Sets the level of the function's INTx line. Does nothing if the function has no interrupt pin.
    /// </summary>
    void SetInterruptLine(bool asserted);
}
