using Ioasis.Memory;

namespace Ioasis.PageTables;

/// <summary>Runs: many entries of a node that lead to one value, which the node says once.</summary>
internal sealed partial class IovaTable
{
    // The fewest entries that are a long run: fewer are written as fast.
    private const int LeastRun = 32;

    private volatile int _runs;

    /// <summary>
    /// Whether there are runs. If not, an entry that is still 0 after this was read leads nowhere, without a look at
    /// <see cref="Settle"/>.
    /// </summary>
    internal bool HasRuns => _runs != 0;

    /// <summary>
    /// The entry for an address, as <see cref="Find(ulong, out int)"/> finds it; one of a run has its value from here
    /// on.
    /// </summary>
    internal ref ulong Settle(ulong iova, out int shift)
    {
        shift = 0;
        if (NodeOf(iova) is not { } node) return ref Refs.Null();
        int index = IndexOf(node, iova);
        shift = node.Shift;
        ref ulong entry = ref node.Value[index];
        if (entry == 0 && node.IsInRun(index))
        {
            node.IsRunSettled = true;
            Volatile.Write(ref entry, node.RunValue);
        }

        return ref entry;
    }

    /// <summary>Gives free entries of a node a value.</summary>
    private void Write(IovaNode node, int from, int to, ulong value)
    {
        node.Used += to - from + 1;
        if (to - from + 1 < LeastRun || node.RunValue != 0)
        {
            ((Span<ulong>)node.Value)[from..(to + 1)].Fill(value);
            return;
        }

        (node.RunFrom, node.RunTo, node.RunValue, node.IsRunSettled) = ((short)from, (short)to, value, false);
        _runs++;
    }

    /// <summary>Writes the run of a node entry by entry, as a part of it is about to change.</summary>
    private void Spill(IovaNode node)
    {
        foreach (ref ulong entry in ((Span<ulong>)node.Value)[node.RunFrom..(node.RunTo + 1)])
            if (entry == 0) Volatile.Write(ref entry, node.RunValue);
        node.RunValue = 0;
        _runs--;
    }

    /// <summary>Takes the values of entries of a node; returns the OR of them.</summary>
    private ulong Erase(IovaNode node, int from, int to)
    {
        node.Used -= to - from + 1;
        ulong found = 0;
        if (node.RunValue != 0 && node.RunFrom == from && node.RunTo == to)
        {
            found = node.RunValue;
            node.RunValue = 0;
            _runs--;
            if (!node.IsRunSettled) return found;
        }

        return found | Take(((Span<ulong>)node.Value)[from..(to + 1)]);
    }
}
