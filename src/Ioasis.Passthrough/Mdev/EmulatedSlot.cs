using Ioasis.Abi;
using Ioasis.Devices;
using Ioasis.Iommufd.Objects;
using Ioasis.Memory;
using Ioasis.Passthrough.Vfio;

namespace Ioasis.Passthrough.Mdev;

/// <summary>The host's side of an emulated mdev: its program's memory, by an access, and its interrupts.</summary>
internal sealed class EmulatedSlot(EmulatedMemory memory, EmulatedInterrupts interrupts) : IMdevSlot
{
    private const int PageSize = 4096;

    public void RaiseInterrupt() => interrupts.RaiseIntx();

    public bool RaiseMessage(int vector) => interrupts.RaiseMessage(vector);

    public bool TryRead(Iova iova, Span<byte> destination) => memory.Read(iova.Value, destination) == Errno.None;

    public bool TryWrite(Iova iova, ReadOnlySpan<byte> source) => memory.Write(iova.Value, source) == Errno.None;

    public bool TryPin(Iova iova, int pages, bool forWriting, out IPinnedPages? pinned)
    {
        pinned = null;
        if (pages <= 0 || memory.Pin(iova.Value, (uint)pages, forWriting, out var found) != Errno.None) return false;
        pinned = new Pinned(memory, new Iova(iova.Value & ~(ulong)(PageSize - 1)), found);
        return true;
    }

    private sealed class Pinned(EmulatedMemory memory, Iova first, IReadOnlyList<PinnedPage> pages) : IPinnedPages
    {
        private int _isDisposed;

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
            if (Interlocked.Exchange(ref _isDisposed, 1) == 0) memory.Unpin(first.Value, (uint)pages.Count);
        }

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
            Volatile.Read(ref _isDisposed) == 0 && offset <= Length && (ulong)count <= Length - offset;
    }
}
