using Ioasis.Abi;
using Ioasis.Devices;
using Ioasis.Iommufd.Objects;
using Ioasis.Memory;
using Ioasis.Memory.Threads;
using Ioasis.Passthrough.Vfio;

namespace Ioasis.Passthrough.Mdev;

/// <summary>The host's side of an emulated mdev: its program's memory, by an access, and its interrupts.</summary>
internal sealed class EmulatedSlot(EmulatedMemory memory, EmulatedInterrupts interrupts) : IMdevSlot
{
    private const int PageSize = 4096;

    // Guards which pages are pinned. Held while pages are pinned and unpinned: a thread that has entered it knows that
    // none of that is under way.
    private readonly RankedLock _lock = new(LockRank.EmulatedPins);
    private readonly HashSet<Pinned> _pinned = [];

    public void RaiseInterrupt() => interrupts.RaiseIntx();

    public bool RaiseMessage(int vector) => interrupts.RaiseMessage(vector);

    public bool TryRead(Iova iova, Span<byte> destination) => memory.Read(iova.Value, destination) == Errno.None;

    public bool TryWrite(Iova iova, ReadOnlySpan<byte> source) => memory.Write(iova.Value, source) == Errno.None;

    public bool TryPin(Iova iova, int pages, bool forWriting, out IPinnedPages? pinned)
    {
        pinned = null;
        if (pages <= 0) return false;
        using (_lock.Enter())
        {
            if (memory.Pin(iova.Value, (uint)pages, forWriting, out var found) != Errno.None) return false;
            var made = new Pinned(this, new Iova(iova.Value & ~(ulong)(PageSize - 1)), found);
            _pinned.Add(made);
            pinned = made;
            return true;
        }
    }

    /// <summary>
    /// Unpins what the mdev has not unpinned of a range that it was told of. Several threads may tell it of the same
    /// pages; one of them unpins them, and the others return from here only when that has been done.
    /// </summary>
    internal void UnpinRest(ulong first, ulong length)
    {
        ulong last = first + Math.Min(length - 1, ulong.MaxValue - first);
        using (_lock.Enter())
            foreach (Pinned pinned in _pinned.Where(pinned => pinned.IsWithin(first, last)).ToArray()) Unpin(pinned);
    }

    // The caller holds the lock.
    private void Unpin(Pinned pinned)
    {
        if (!_pinned.Remove(pinned)) return;
        pinned.End();
        memory.Unpin(pinned.First.Value, (uint)(pinned.Length / PageSize));
    }

    private sealed class Pinned(EmulatedSlot slot, Iova first, IReadOnlyList<PinnedPage> pages) : IPinnedPages
    {
        private volatile bool _hasEnded;

        public Iova First => first;

        public ulong Length => (ulong)pages.Count * PageSize;

        public bool TryRead(ulong offset, Span<byte> destination)
        {
            if (!IsWithin(offset, destination.Length)) return false;
            for (int done = 0; done < destination.Length;)
            {
                PinnedPage page = PageAt(offset, done, destination.Length, out int at, out int part);
                if (!page.TryRead(at, destination.Slice(done, part))) return false;
                done += part;
            }

            return true;
        }

        public bool TryWrite(ulong offset, ReadOnlySpan<byte> source)
        {
            if (!IsWithin(offset, source.Length)) return false;
            for (int done = 0; done < source.Length;)
            {
                PinnedPage page = PageAt(offset, done, source.Length, out int at, out int part);
                if (!page.TryWrite(at, source.Slice(done, part))) return false;
                done += part;
            }

            return true;
        }

        public void Dispose()
        {
            using (slot._lock.Enter()) slot.Unpin(this);
        }

        internal void End() => _hasEnded = true;

        internal bool IsWithin(ulong from, ulong to) => from <= first.Value + (Length - 1) && to >= first.Value;

        // The page of an access's byte number `done`, where in the page it is, and how many bytes of the access follow
        // there.
        private PinnedPage PageAt(ulong offset, int done, int length, out int at, out int part)
        {
            ulong position = offset + (uint)done;
            at = (int)(position % PageSize);
            part = Math.Min(PageSize - at, length - done);
            return pages[(int)(position / PageSize)];
        }

        private bool IsWithin(ulong offset, int count) =>
            !_hasEnded && offset <= Length && (ulong)count <= Length - offset;
    }
}
