using Ioasis.Core.Endpoints;
using Ioasis.Memory;

namespace Ioasis.Core.Units;

/// <summary>What a vIOMMU is in a program's eyes: the same for all kinds of units.</summary>
public interface IViommuHost
{
    /// <summary>Finds a device by the guest's number for it.</summary>
    /// <returns>Null when the guest has given that number to none.</returns>
    Endpoint? FindDevice(ulong virtualId);

    /// <summary>The guest's number for a device; null when it has given it none.</summary>
    ulong? VirtualIdOf(Endpoint endpoint);

    /// <summary>Tells the guest of an event. Never blocks: a queue that is full counts it as lost.</summary>
    /// <param name="type">The kind of event, which decides the queue.</param>
    /// <param name="data">The event, in the form that its uAPI structure has.</param>
    /// <returns>NotSupported when the program has no queue of that kind.</returns>
    IommuStatus Report(uint type, ReadOnlySpan<byte> data);

    /// <summary>Lets the program map memory of the unit, doorbells say, through the file that it has open.</summary>
    /// <param name="length">Bytes, a multiple of the host's page.</param>
    /// <param name="offset">The file offset to map it at.</param>
    /// <param name="bytes">The memory, all zero.</param>
    IommuStatus AllocateMmap(ulong length, out ulong offset, out SharedBytes? bytes);

    /// <summary>Takes such memory back.</summary>
    void FreeMmap(ulong offset);
}
