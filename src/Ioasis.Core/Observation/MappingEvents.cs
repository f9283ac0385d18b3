using Ioasis.Core.Domains;
using Ioasis.Memory;

namespace Ioasis.Core.Observation;

/// <summary>Memory was mapped in an I/O address space: devices that are attached to it may use it.</summary>
/// <param name="Stamp">When.</param>
/// <param name="Space">Which I/O address space: <see cref="IommuDomain.Space"/> of the domains that translate by
/// it.</param>
/// <param name="Range">The addresses.</param>
/// <param name="Access">What devices may do.</param>
/// <param name="Memory">The memory.</param>
public readonly record struct MapEvent(
    EventStamp Stamp, object Space, IovaRange Range, MapAccess Access, MappedMemory Memory)
    : IMachineEvent
{
    /// <inheritdoc/>
    public static EventKinds Kind => EventKinds.Map;

    /// <inheritdoc/>
    public void Tell(MachineObserver observer) => observer.OnMap(in this);
}

/// <summary>
/// A mapping is about to be taken out of an I/O address space: all of what one <see cref="MapEvent"/> said, or, where a
/// mapping was cut, a part of it.
/// </summary>
/// <param name="Stamp">When.</param>
/// <param name="Space">As in <see cref="MapEvent"/>.</param>
/// <param name="Range">The addresses.</param>
public readonly record struct UnmapEvent(EventStamp Stamp, object Space, IovaRange Range) : IMachineEvent
{
    /// <inheritdoc/>
    public static EventKinds Kind => EventKinds.Unmap;

    /// <inheritdoc/>
    public void Tell(MachineObserver observer) => observer.OnUnmap(in this);
}

/// <summary>The memory that a mapping begins with.</summary>
/// <param name="Source">The process's memory (an <see cref="AddressSpace"/>), or what holds it (a
/// <see cref="MemoryBacking"/>, or the file as an <see cref="IHeldFile"/>).</param>
/// <param name="Address">The address in the process, or the offset in the file, of the mapping's first byte.</param>
/// <param name="IsFile">Whether it is an offset in a file.</param>
public readonly record struct MappedMemory(object Source, ulong Address, bool IsFile)
{
    /// <summary>Bytes of a backing, from an offset on.</summary>
    internal static MappedMemory Of(MemoryBacking backing, ulong offset)
    {
        ArgumentNullException.ThrowIfNull(backing);
        return new MappedMemory(backing, unchecked(backing.AlignmentHint + offset), backing.IsFile);
    }
}
