using System.Buffers.Binary;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Observation;

namespace Ioasis.Devices.Slots;

/// <summary>Tells the machine's observers what happens to the device of a slot.</summary>
/// <param name="endpoint">
/// The device; null for a part of one, of which nothing is told: it is not the function that is reset or interrupts.
/// </param>
internal readonly struct SlotEvents(Endpoint? endpoint)
{
    /// <summary>The device is about to be reset.</summary>
    internal void TellReset()
    {
        if (endpoint?.Observers is not { } observers) return;
        if (observers.Want(EventKinds.Reset)) observers.Tell(new ResetEvent(observers.Stamp(), endpoint));
    }

    /// <summary>The device is about to get what a driver wrote to a doorbell.</summary>
    internal void TellDoorbell(int bar, ulong offset, int width, ulong value)
    {
        if (endpoint?.Observers is not { } observers) return;
        if (observers.Want(EventKinds.Doorbell))
            observers.Tell(new DoorbellEvent(observers.Stamp(), endpoint, bar, offset, width, value));
    }

    /// <summary>The device is about to get a descriptor that a driver wrote to a portal.</summary>
    internal void TellDescriptor(int bar, ulong offset, ReadOnlySpan<byte> descriptor)
    {
        if (endpoint?.Observers.Want(EventKinds.Doorbell) == true)
            TellDoorbell(bar, offset, descriptor.Length, BinaryPrimitives.ReadUInt64LittleEndian(descriptor));
    }

    /// <summary>The device sends a message, or (null) changes its line.</summary>
    internal void TellInterrupt(int? vector, bool isAsserted)
    {
        if (endpoint?.Observers is not { } observers) return;
        if (observers.Want(EventKinds.Interrupt))
            observers.Tell(new InterruptEvent(observers.Stamp(), endpoint, vector, isAsserted));
    }
}
