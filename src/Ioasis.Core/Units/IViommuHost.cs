using Ioasis.Core.Endpoints;
using Ioasis.Memory;

namespace Ioasis.Core.Units;

/// <summary>The part of a vIOMMU that is the same for all kinds of unit.</summary>
public interface IViommuHost
{
    /// <summary>Finds a device by the guest's number for it.</summary>
    /// <returns>Null if no device has the number.</returns>
    Endpoint? FindDevice(ulong virtualId);

    /// <summary>The guest's number for a device; null if it has none.</summary>
    ulong? VirtualIdOf(Endpoint endpoint);

    /// <summary>Reports an event to the guest. It never blocks: a full queue counts the event as lost.</summary>
    /// <param name="type">The type of event. Each type has its own queue.</param>
    /// <param name="data">The event, as the uAPI structure of the type lays it out.</param>
    /// <returns>NotSupported if the program has no queue of that type.</returns>
    IommuStatus Report(uint type, ReadOnlySpan<byte> data);

    /// <summary>Lets the program map memory of the unit, such as doorbells, through its open file.</summary>
    /// <param name="length">Bytes, a multiple of the host's page.</param>
    /// <param name="offset">The file offset to map it at.</param>
    /// <param name="bytes">The memory, all zero.</param>
    IommuStatus AllocateMmap(ulong length, out ulong offset, out SharedBytes? bytes);

    /// <summary>Takes that memory back.</summary>
    void FreeMmap(ulong offset);
}
