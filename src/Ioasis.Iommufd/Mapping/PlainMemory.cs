using Ioasis.Core.Domains;
using Ioasis.Memory;

namespace Ioasis.Iommufd.Mapping;

/// <summary>
/// The common part of many areas that map a program's memory in our own process for devices only. While there are any,
/// it holds the block once. The owner is charged for each area's pages.
/// </summary>
internal sealed class PlainMemory(PlainMemory.Key key)
{
    internal AddressSpace Space => key.Space;

    internal HostBlock Block => key.Block;

    internal PinOwner Owner => key.Owner;

    internal MapAccess Access => key.Access;

    /// <summary>Number of its areas. The lock of their IOAS's table guards it.</summary>
    internal int Areas { get; set; }

    /// <summary>Its number within the IOAS.</summary>
    internal int Number { get; set; }

    /// <summary>Whether it fits areas with this block, space, owner and access.</summary>
    internal bool Is(HostBlock block, AddressSpace space, in PinOwner owner, MapAccess access) =>
        ReferenceEquals(Block, block) && ReferenceEquals(Space, space) && Access == access
        && ReferenceEquals(Owner.Process, owner.Process) && ReferenceEquals(Owner.User, owner.User)
        && Owner.Accounting == owner.Accounting;

    /// <summary>The location of an address of one of its areas.</summary>
    internal MemoryLocation LocationOf(ulong address) => new(Block, address - (ulong)Block.Address);

    /// <summary>Whether an area that begins at an address contains a location.</summary>
    internal bool Has(ulong address, ulong lastByte, MemoryLocation location) =>
        ReferenceEquals(location.Memory, Block)
        && unchecked((ulong)Block.Address + location.Offset - address) <= lastByte;

    /// <summary>Its identity.</summary>
    internal Key Identity => key;

    /// <summary>
    /// Turns one of its areas into an object, which takes over a hold on the block and the area's charge.
    /// </summary>
    internal Area ToArea(IovaRange range, ulong address)
    {
        MemoryBacking backing = Space.Reference(new Hva(address), range.Length, (Access & MapAccess.Write) != 0, Block);
        var area = new Area(range, new Pages(backing, Owner), 0, Access) { IsEntered = true };
        area.Pages.AdoptPin(area);
        return area;
    }

    /// <summary>The properties that its areas have in common.</summary>
    internal readonly record struct Key(HostBlock Block, AddressSpace Space, PinOwner Owner, MapAccess Access);
}
