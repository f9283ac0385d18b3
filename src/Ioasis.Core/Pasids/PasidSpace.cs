using System.Numerics;
using Ioasis.Core.Injection;
using Ioasis.Memory;
using Ioasis.Memory.Threads;

namespace Ioasis.Core.Pasids;

/// <summary>
/// The PASIDs of a host: one space for all its units and devices, so that a PASID means one address space everywhere.
/// What was given back is not given out again while a device still holds it.
/// </summary>
public sealed class PasidSpace
{
    private const int WordBits = 64;

    // Guards everything below, and the counts of the owners. Innermost.
    private readonly RankedLock _lock = new(LockRank.PasidSpace);
    private readonly ulong[] _taken = new ulong[((int)Pasid.MaxValue + 1) / WordBits];
    private readonly Dictionary<uint, Entry> _entries = [];

    /// <summary>Makes a space in which all are free but 0, which stands for requests without PASID.</summary>
    public PasidSpace() => _taken[0] = 1;

    /// <summary>What may decide that none is left; null for nothing.</summary>
    public Injector? Injector { get; init; }

    /// <summary>How many are not free.</summary>
    public int Count
    {
        get { using (_lock.Enter()) return _entries.Count; }
    }

    /// <summary>Gives the lowest free PASID of a range to an owner.</summary>
    /// <param name="owner">Who has it from then on.</param>
    /// <param name="first">The lowest that will do.</param>
    /// <param name="last">The highest that will do.</param>
    /// <param name="pasid">The PASID, when the answer is <see cref="IommuStatus.Ok"/>.</param>
    /// <returns>Invalid for a range that is none, NoMemory when the owner has all it may have, NoSpace when none of the
    /// range is free, or a share that the owner has them of is used up.</returns>
    internal IommuStatus Allocate(PasidOwner owner, uint first, uint last, out Pasid pasid)
    {
        ArgumentNullException.ThrowIfNull(owner);
        pasid = default;
        if (first > last || last > Pasid.MaxValue)
            return IommuStatus.Invalid.Because(
                $"{first}-{last} is no range of PASIDs; the highest is {Pasid.MaxValue}");
        if (Injector is { } injector
            && injector.Decide(InjectedFaults.PasidExhausted, null) != InjectedFaults.None) return IommuStatus.NoSpace;
        using (_lock.Enter())
        {
            if (owner.Count >= owner.Quota)
                return IommuStatus.NoMemory.Because($"the program has {owner.Count} PASIDs, its quota");
            IReadOnlyList<PasidShare> shares = owner.Shares ?? [];
            if (FindFree(first, last) is not { } value || !TryTake(shares))
                return IommuStatus.NoSpace.Because($"no PASID of {first}-{last} is left for the program");
            _taken[value / WordBits] |= 1UL << (int)(value % WordBits);
            _entries.Add(value, new Entry { Owner = owner, Shares = shares });
            owner.Count++;
            pasid = new Pasid(value);
            return IommuStatus.Ok;
        }
    }

    /// <summary>Whether an owner has a PASID.</summary>
    internal bool IsOwned(PasidOwner owner, Pasid pasid)
    {
        using (_lock.Enter()) return _entries.TryGetValue(pasid.Value, out Entry? entry) && entry.Owner == owner;
    }

    /// <summary>Takes a PASID back from its owner. It is free when no device holds it any more.</summary>
    /// <returns>NotFound when the owner has none like that.</returns>
    internal IommuStatus Free(PasidOwner owner, Pasid pasid)
    {
        ArgumentNullException.ThrowIfNull(owner);
        using (_lock.Enter())
        {
            if (!_entries.TryGetValue(pasid.Value, out Entry? entry) || entry.Owner != owner)
                return IommuStatus.NotFound;
            entry.Owner = null;
            owner.Count--;
            Drop(pasid.Value, entry);
            return IommuStatus.Ok;
        }
    }

    /// <summary>A device holds the PASID from here on, whoever has it.</summary>
    /// <returns>NotFound when nobody has it.</returns>
    public IommuStatus Hold(Pasid pasid)
    {
        using (_lock.Enter())
        {
            if (!_entries.TryGetValue(pasid.Value, out Entry? entry) || entry.Owner is null)
                return IommuStatus.NotFound;
            entry.Holds++;
            return IommuStatus.Ok;
        }
    }

    /// <summary>Undoes one <see cref="Hold"/>.</summary>
    public void Release(Pasid pasid)
    {
        using (_lock.Enter())
        {
            Entry entry = _entries[pasid.Value];
            entry.Holds--;
            Drop(pasid.Value, entry);
        }
    }

    private void Drop(uint value, Entry entry)
    {
        if (entry.Owner is not null || entry.Holds != 0) return;
        _entries.Remove(value);
        foreach (PasidShare share in entry.Shares) share.Give();
        _taken[value / WordBits] &= ~(1UL << (int)(value % WordBits));
    }

    private static bool TryTake(IReadOnlyList<PasidShare> shares)
    {
        for (int i = 0; i < shares.Count; i++)
        {
            if (shares[i].TryTake()) continue;
            while (--i >= 0) shares[i].Give();
            return false;
        }

        return true;
    }

    private uint? FindFree(uint first, uint last)
    {
        for (uint word = first / WordBits; word <= last / WordBits; word++)
        {
            ulong free = ~_taken[word];
            if (word == first / WordBits) free &= ulong.MaxValue << (int)(first % WordBits);
            if (word == last / WordBits) free &= ulong.MaxValue >> (int)(WordBits - 1 - (last % WordBits));
            if (free != 0) return (word * WordBits) + (uint)BitOperations.TrailingZeroCount(free);
        }

        return null;
    }

    private sealed class Entry
    {
        internal PasidOwner? Owner { get; set; }

        internal required IReadOnlyList<PasidShare> Shares { get; init; }

        internal int Holds { get; set; }
    }
}
