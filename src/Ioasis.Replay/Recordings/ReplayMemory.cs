using System.Collections.Concurrent;
using Ioasis.Abi;
using Ioasis.Iommufd.Files;
using Ioasis.Memory;

namespace Ioasis.Replay.Recordings;

/// <summary>Pages that exist from their first use on. Devices and calls may use them at the same time.</summary>
internal sealed class ReplayPages
{
    internal const ulong PageSize = 4096;

    private readonly ConcurrentDictionary<ulong, byte[]> _pages = [];

    /// <summary>Whether all pages are missing: the call under way found memory missing when it was recorded.</summary>
    internal volatile bool AreMissing;

    internal void Read(ulong address, Span<byte> destination)
    {
        while (!destination.IsEmpty)
        {
            Span<byte> part = PartOf(address, destination.Length);
            part.CopyTo(destination);
            address += (ulong)part.Length;
            destination = destination[part.Length..];
        }
    }

    internal void Write(ulong address, ReadOnlySpan<byte> source)
    {
        while (!source.IsEmpty)
        {
            Span<byte> part = PartOf(address, source.Length);
            source[..part.Length].CopyTo(part);
            address += (ulong)part.Length;
            source = source[part.Length..];
        }
    }

    private Span<byte> PartOf(ulong address, int length)
    {
        int offset = (int)(address % PageSize);
        byte[] page = _pages.GetOrAdd(address / PageSize, static _ => new byte[PageSize]);
        return page.AsSpan(offset, Math.Min(length, page.Length - offset));
    }
}

/// <summary>
/// The memory of the program that a recording is of. It has a page at every address, except at those that calls name
/// to be refused.
/// </summary>
internal sealed class ReplayMemory : AddressSpace
{
    /// <summary>Where a structure stands.</summary>
    internal const ulong Argument = 0x20_000;

    /// <summary>Where the memory after a structure ends.</summary>
    internal const ulong ArgumentEnd = Argument + (16 * ReplayPages.PageSize);

    /// <summary>An address without memory.</summary>
    internal const ulong Hole = 0x1000;

    internal ReplayPages Pages { get; } = new();

    /// <summary>Whether there is no memory after the structure.</summary>
    internal bool IsArgumentCut { get; set; }

    /// <summary>Addresses that the call under way cannot use, and pages.</summary>
    internal HashSet<ulong> Holes { get; } = [];

    public override bool TryRead(Hva source, Span<byte> destination)
    {
        if (IsMissing(source.Value, destination.Length)) return false;
        Pages.Read(source.Value, destination);
        return true;
    }

    public override bool TryWrite(Hva destination, ReadOnlySpan<byte> source)
    {
        if (IsMissing(destination.Value, source.Length)) return false;
        if (Pages.AreMissing && IsArgument(destination.Value)) return false;
        Pages.Write(destination.Value, source);
        return true;
    }

    internal override MemoryBacking Reference(Hva start, ulong length, bool writable) =>
        new ReplayBacking(Pages, start.Value, length, writable, isFile: false);

    private static bool IsArgument(ulong address) => address is >= Argument and < ArgumentEnd;

    private bool IsMissing(ulong address, int length)
    {
        if (length == 0) return false;
        ulong first = address / ReplayPages.PageSize;
        ulong last = (address + (ulong)(length - 1)) / ReplayPages.PageSize;
        ulong end = ArgumentEnd / ReplayPages.PageSize;
        return first <= 1 || (IsArgumentCut && first <= end && last >= end)
            || (Holes.Count != 0 && Holes.Any(h => h == address || h == last * ReplayPages.PageSize));
    }
}

/// <summary>A file of the program in memory.</summary>
internal sealed class ReplayMemoryFile(ReplayPages pages) : IMemoryFile
{
    public Errno Reference(ulong start, ulong length, bool writable, out MemoryBacking? backing)
    {
        backing = new ReplayBacking(pages, start, length, writable, isFile: true);
        return Errno.None;
    }
}

/// <summary>Pages that a device uses.</summary>
internal sealed class ReplayBacking(ReplayPages pages, ulong start, ulong length, bool writable, bool isFile)
    : MemoryBacking(length, writable, start)
{
    public override bool IsFile => isFile;

    public override bool TryPopulate(ulong offset, ulong length) => !pages.AreMissing;

    public override bool TryRead(ulong offset, Span<byte> destination)
    {
        pages.Read(AlignmentHint + offset, destination);
        return true;
    }

    public override bool TryWrite(ulong offset, ReadOnlySpan<byte> source)
    {
        pages.Write(AlignmentHint + offset, source);
        return true;
    }

    public override bool TryLocate(ulong offset, out MemoryLocation location)
    {
        location = new MemoryLocation(pages, AlignmentHint + offset);
        return offset < Length;
    }

    public override IEnumerable<ulong> OffsetsOf(MemoryLocation location) =>
        OffsetsWithin(pages, AlignmentHint, location);
}

/// <summary>What is pinned for the program, which may lock any memory.</summary>
internal sealed class ReplayPins : ProcessPins
{
    public override ulong LockLimit => ulong.MaxValue;
}

/// <summary>An eventfd of the program. Nobody counts its signals: a replay makes the program's calls alone.</summary>
internal sealed class ReplayEvent : IEventFile
{
    public void Signal()
    {
    }

    public Errno Listen(object listener, Action raised, out IDisposable? listening)
    {
        listening = this;
        return Errno.None;
    }

    public Errno Watch(object listener, Action raised, out IDisposable? watching) =>
        Listen(listener, raised, out watching);

    public void Dispose()
    {
    }
}

/// <summary>The bytes of a device's regions, as far as they are used.</summary>
internal sealed class ReplayCarrier : ICarrier
{
    private readonly ConcurrentDictionary<(ulong Offset, ulong Length), Lazy<HostBlock>> _blocks = [];

    public SharedBytes Map(ulong offset, ulong length) =>
        _blocks.GetOrAdd((offset, length), static key => new Lazy<HostBlock>(() => new HostBlock(key.Length))).Value;

    public void Free(ulong offset, ulong length)
    {
        if (_blocks.TryRemove((offset, length), out Lazy<HostBlock>? block)) block.Value.Dispose();
    }

    public bool IsMapped(ulong offset, ulong length) => false;
}
