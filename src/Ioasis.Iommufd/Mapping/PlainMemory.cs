using Ioasis.Core.Domains;
using Ioasis.Memory;

namespace Ioasis.Iommufd.Mapping;

/// <summary>
/// What many areas have in common that map a program's memory in our own process, each a run of pages of its own that
/// devices use and nothing else: one object for all of them. While there are any, it holds the block once; each area's
/// pages are charged to the owner.
/// </summary>
internal sealed class PlainMemory(PlainMemory.Key key)
{
    internal AddressSpace Space => key.Space;

    internal HostBlock Block => key.Block;

    internal PinOwner Owner => key.Owner;

    internal MapAccess Access => key.Access;

    /// <summary>How many areas it stands for. Guarded by the lock of their IOAS's table.</summary>
    internal int Areas { get; set; }

    /// <summary>Its number among those of the IOAS.</summary>
    internal int Number { get; set; }

    /// <summary>Whether it is what these would have in common.</summary>
    internal bool Is(HostBlock block, AddressSpace space, in PinOwner owner, MapAccess access) =>
        ReferenceEquals(Block, block) && ReferenceEquals(Space, space) && Access == access
        && ReferenceEquals(Owner.Process, owner.Process) && ReferenceEquals(Owner.User, owner.User)
        && Owner.Accounting == owner.Accounting;

    /// <summary>What memory an address is that some area of it has.</summary>
    internal MemoryLocation LocationOf(ulong address) => new(Block, address - (ulong)Block.Address);

    /// <summary>Whether an area that begins at an address has a location.</summary>
    internal bool Has(ulong address, ulong lastByte, MemoryLocation location) =>
        ReferenceEquals(location.Memory, Block)
        && unchecked((ulong)Block.Address + location.Offset - address) <= lastByte;

    /// <summary>What distinguishes it from others.</summary>
    internal Key Identity => key;

    /// <summary>
    /// Makes an area of it an object, to which a hold of the block and what is charged for it go over.
    /// </summary>
    internal Area ToArea(IovaRange range, ulong address)
    {
        MemoryBacking backing = Space.Reference(new Hva(address), range.Length, (Access & MapAccess.Write) != 0, Block);
        var area = new Area(range, new Pages(backing, Owner), 0, Access) { IsEntered = true };
        area.Pages.AdoptPin(area);
        return area;
    }

    /// <summary>What areas have to have in common.</summary>
    internal readonly record struct Key(HostBlock Block, AddressSpace Space, PinOwner Owner, MapAccess Access);
}
