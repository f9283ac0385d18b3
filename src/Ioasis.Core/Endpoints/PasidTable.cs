using Ioasis.Memory;

namespace Ioasis.Core.Endpoints;

/// <summary>
/// What the PASIDs of a function are attached to: two levels of 1024, so that a change touches one slot however many
/// there are. Its owner makes changes under one lock; look-ups take none.
/// </summary>
/// <remarks>
/// A look-up may hold a leaf that was taken out meanwhile. It then finds nothing in it, as was true at some moment of
/// the look-up: a leaf is taken out only when it is empty, and is never put back or filled again.
/// </remarks>
internal sealed class PasidTable
{
    private const int LeafBits = 10;
    private const int LeafSize = 1 << LeafBits;
    private readonly Leaf?[] _leaves = new Leaf?[1 << (Pasid.Bits - LeafBits)];

    /// <summary>What a PASID is attached to; null for nothing.</summary>
    internal Attachment? Find(uint pasid)
    {
        if (pasid >> Pasid.Bits != 0) return null;
        Leaf? leaf = Volatile.Read(ref _leaves[pasid >> LeafBits]);
        return leaf is null ? null : Volatile.Read(ref leaf.Slots[pasid & (LeafSize - 1)]);
    }

    /// <summary>Attaches, moves or, with null, detaches a PASID.</summary>
    internal void Set(uint pasid, Attachment? attachment)
    {
        ref Leaf? place = ref _leaves[pasid >> LeafBits];
        if (place is null)
        {
            if (attachment is null) return;
            Volatile.Write(ref place, new Leaf());
        }

        Leaf leaf = place!;
        ref Attachment? slot = ref leaf.Slots[pasid & (LeafSize - 1)];
        leaf.Used += (attachment is null ? 0 : 1) - (slot is null ? 0 : 1);
        Volatile.Write(ref slot, attachment);
        if (leaf.Used == 0) Volatile.Write(ref place, null);
    }

    /// <summary>All that are attached.</summary>
    internal IEnumerable<Attachment> All => _leaves.OfType<Leaf>().SelectMany(l => l.Slots).OfType<Attachment>();

    private sealed class Leaf
    {
        internal readonly Attachment?[] Slots = new Attachment?[LeafSize];
        internal int Used;
    }
}
