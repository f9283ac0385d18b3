using Ioasis.Memory;

namespace Ioasis.Core.Domains;

/// <summary>
/// The spaces of which a table's mappings are addresses, by number from 1: each is all memory of a process that has to
/// be asked for its bytes (<see cref="MemoryBacking.IsSpace"/>). Such a mapping takes no memory but its entries.
/// Changed under the table's lock; looked up without.
/// </summary>
internal sealed class MappedSpaces
{
    private readonly MemoryBacking?[] _spaces = new MemoryBacking?[MapEntry.MostSpaces + 1];
    private readonly int[] _parts = new int[MapEntry.MostSpaces + 1]; // to be taken out

    /// <summary>The space of a number that an access found, or with the lock held.</summary>
    internal MemoryBacking At(int number) => Volatile.Read(ref _spaces[number])!;

    /// <summary>Counts a mapping of a space, and gives the space's number; 0 if all numbers are others'.</summary>
    internal int Add(MemoryBacking space)
    {
        int number = Array.IndexOf(_spaces, space, 1);
        if (number < 0) number = Array.IndexOf(_spaces, null, 1);
        if (number < 0) return 0;
        Volatile.Write(ref _spaces[number], space);
        _parts[number]++;
        return number;
    }

    /// <summary>A mapping is to be taken out in one part more.</summary>
    internal void Split(int number) => _parts[number]++;

    /// <summary>A part of a mapping is out of the table, and out of use.</summary>
    internal void Release(int number)
    {
        if (--_parts[number] == 0) Volatile.Write(ref _spaces[number], null);
    }
}
