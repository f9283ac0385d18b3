using Ioasis.Memory;

namespace Ioasis.Devices.Edu;

/// <summary>What carries an <see cref="EduCore"/>: a PCI function, or an mdev.</summary>
internal interface IEduHost
{
    /// <summary>What a register reads as.</summary>
    ulong ValueOf(uint offset);

    /// <summary>A register reads as this value from now on. Called with the core's lock held.</summary>
    void Publish(uint offset, ulong value);

    /// <summary>Sends a message, or asserts the interrupt line. Called with the core's lock held.</summary>
    void Raise();

    /// <summary>No interrupt is raised any more. Called with the core's lock held.</summary>
    void Lower();

    /// <summary>
    /// Moves bytes between memory and the device's buffer, on the engine's thread and without a lock. The device cannot
    /// report a fault.
    /// </summary>
    /// <param name="memory">The address in memory.</param>
    /// <param name="buffer">The part of the buffer.</param>
    /// <param name="toMemory">The direction.</param>
    /// <param name="abort">Cancelled when the transfer is to stop.</param>
    void Move(Iova memory, Span<byte> buffer, bool toMemory, CancellationToken abort);
}
