using Ioasis.Core.Domains;
using Ioasis.Core.Observation;
using Ioasis.Memory;

namespace Ioasis.Iommufd.Mapping;

/// <summary>
/// The common part of many areas that map a program's memory, or a file, for devices only. While there are any, it
/// holds the memory once. The owner is charged for each area's pages.
/// </summary>
internal sealed class PlainMemory(PlainMemory.Key key)
{
    internal IHeldMemory Memory => key.Memory;

    /// <summary>Whether a file was mapped rather than a process's pointers.</summary>
    internal bool IsFile => key.Space is null;

    /// <summary>Whether it is another process's, or a file.</summary>
    internal bool IsForeign => key.Memory is not HostBlock;

    internal PinOwner Owner => key.Owner;

    internal MapAccess Access => key.Access;

    /// <summary>Number of its areas. The lock of their IOAS's table guards it.</summary>
    internal int Areas { get; set; }

    /// <summary>Its number within the IOAS.</summary>
    internal int Number { get; set; }

    /// <summary>Whether it fits areas with this memory, space, owner and access.</summary>
    internal bool Is(IHeldMemory memory, AddressSpace? space, in PinOwner owner, MapAccess access) =>
        ReferenceEquals(Memory, memory) && ReferenceEquals(key.Space, space) && Access == access
        && ReferenceEquals(Owner.Process, owner.Process) && ReferenceEquals(Owner.User, owner.User)
        && Owner.Accounting == owner.Accounting;

    /// <summary>What an area that begins at an address begins with.</summary>
    internal MappedMemory From(ulong address) => new((object?)key.Space ?? Memory, address, IsFile);

    /// <summary>The location of an address of one of its areas.</summary>
    internal MemoryLocation LocationOf(ulong address) => Memory.LocationOf(address);

    /// <summary>Whether an area that begins at an address contains a location.</summary>
    internal bool Has(ulong address, ulong lastByte, MemoryLocation location) =>
        Memory.TryAddress(location, out ulong at) && unchecked(at - address) <= lastByte;

    /// <summary>Its identity.</summary>
    internal Key Identity => key;

    /// <summary>
    /// Turns one of its areas into an object, which takes over a hold on the memory and the area's charge.
    /// </summary>
    internal Area ToArea(IovaRange range, ulong address)
    {
        bool writable = (Access & MapAccess.Write) != 0;
        MemoryBacking backing = key.Space is { } space
            ? space.Reference(new Hva(address), range.Length, writable, Memory)
            : ((IHeldFile)Memory).Reference(address, range.Length, writable);
        var area = new Area(range, new Pages(backing, Owner), 0, Access) { IsEntered = true };
        area.Pages.AdoptPin(area);
        return area;
    }

    /// <summary>The properties that its areas have in common.</summary>
    /// <param name="Memory">The memory; an <see cref="IHeldFile"/> if a file was mapped.</param>
    /// <param name="Space">The process's memory; null if a file was mapped.</param>
    /// <param name="Owner">Who is charged.</param>
    /// <param name="Access">What devices may do.</param>
    internal readonly record struct Key(IHeldMemory Memory, AddressSpace? Space, PinOwner Owner, MapAccess Access);
}
