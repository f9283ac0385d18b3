namespace Ioasis.Memory;

/// <summary>Operations at a place that an earlier search found, so that one search serves several steps.</summary>
internal sealed partial class RangeMap<T>
{
    /// <summary>
    /// Whether a range overlaps none; if so, <paramref name="gap"/> is the place where it can be added.
    /// </summary>
    internal bool IsFree(ulong first, ulong last, out Gap gap)
    {
        Leaf leaf = Descend(first);
        int i = leaf.IndexOfLastAtOrBelow(first);
        gap = new Gap(leaf, i + 1);
        if (i >= 0 ? leaf.Lasts[i] >= first : leaf.Previous?.Lasts[leaf.Previous.Count - 1] >= first) return false;
        if (++i < leaf.Count) return leaf.Firsts[i] > last;
        return leaf.Next is null || leaf.Next.Firsts[0] > last;
    }

    /// <summary>
    /// Adds a range to the gap that <see cref="IsFree"/> found for it. Nothing may have changed the map since.
    /// </summary>
    internal void AddTo(Gap gap, ulong first, ulong last, T value)
    {
        if (gap.Leaf.IsFull)
        {
            AddFree(first, last, value);
            return;
        }

        gap.Leaf.Insert(gap.Index, first, last, value);
        Count++;
    }

    /// <summary>
    /// Consecutive ranges. The first is the lowest one that has a byte at or above <paramref name="first"/> and starts
    /// at or below <paramref name="last"/>; later ones may start above it. Empty when there is none.
    /// </summary>
    internal Run FindRun(ulong first, ulong last)
    {
        Leaf? leaf = Descend(first);
        int i = leaf.IndexOfLastAtOrBelow(first);
        if (i < 0 && leaf.Previous is { } previous && previous.Lasts[previous.Count - 1] >= first)
            (leaf, i) = (previous, previous.Count - 1);
        else if (i < 0 || leaf.Lasts[i] < first) i++;
        if (i == leaf.Count) (leaf, i) = (leaf.Next, 0);
        return leaf is null || i == leaf.Count || leaf.Firsts[i] > last ? default : new Run(leaf, i);
    }

    /// <summary>
    /// Removes the first <paramref name="count"/> ranges of a run. Nothing may have changed the map since the run was
    /// found.
    /// </summary>
    internal void Remove(Run run, int count)
    {
        if (count == 0) return;
        ulong first = run.Leaf!.Firsts[run.Index];
        run.Leaf.RemoveAt(run.Index, count);
        Count -= count;
        if (run.Leaf.Count == 0) Prune(first);
    }

    /// <summary>A place where a range can be added without an overlap.</summary>
    internal readonly struct Gap
    {
        internal readonly Leaf Leaf;
        internal readonly int Index;

        internal Gap(Leaf leaf, int index) => (Leaf, Index) = (leaf, index);
    }

    /// <summary>Consecutive ranges of one leaf. Valid until the map changes.</summary>
    internal readonly ref struct Run
    {
        internal readonly Leaf? Leaf;
        internal readonly int Index;

        internal Run(Leaf leaf, int index) => (Leaf, Index) = (leaf, index);

        internal int Count => Leaf is null ? 0 : Leaf.Count - Index;

        internal ulong First(int at) => Leaf!.Firsts[Index + at];

        internal ulong Last(int at) => Leaf!.Lasts[Index + at];

        /// <summary>The value of a range, by reference so that it can be replaced.</summary>
        internal ref T Value(int at) => ref Leaf!.Values[Index + at];
    }
}
