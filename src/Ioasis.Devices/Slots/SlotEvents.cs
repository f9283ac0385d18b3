using System.Buffers.Binary;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Observation;

namespace Ioasis.Devices.Slots;

/// <summary>Tells the machine's observers what happens to the device of a slot.</summary>
/// <param name="endpoint">The device.</param>
internal readonly struct SlotEvents(Endpoint endpoint)
{
    /// <summary>The device is about to be reset.</summary>
    internal void TellReset()
    {
        Observers observers = endpoint.Observers;
        if (observers.Want(EventKinds.Reset)) observers.Tell(new ResetEvent(observers.Stamp(), endpoint));
    }

    /// <summary>The device is about to get what a driver wrote to a doorbell.</summary>
    internal void TellDoorbell(int bar, ulong offset, int width, ulong value)
    {
        Observers observers = endpoint.Observers;
        if (observers.Want(EventKinds.Doorbell))
            observers.Tell(new DoorbellEvent(observers.Stamp(), endpoint, bar, offset, width, value));
    }

    /// <summary>The device is about to get a descriptor that a driver wrote to a portal.</summary>
    internal void TellDescriptor(int bar, ulong offset, ReadOnlySpan<byte> descriptor)
    {
        if (endpoint.Observers.Want(EventKinds.Doorbell))
            TellDoorbell(bar, offset, descriptor.Length, BinaryPrimitives.ReadUInt64LittleEndian(descriptor));
    }

    /// <summary>The device sends a message, or (null) changes its line.</summary>
    internal void TellInterrupt(int? vector, bool isAsserted)
    {
        Observers observers = endpoint.Observers;
        if (observers.Want(EventKinds.Interrupt))
            observers.Tell(new InterruptEvent(observers.Stamp(), endpoint, vector, isAsserted));
    }
}
