using Ioasis.Memory;

namespace Ioasis.Core.DmaApi;

/// <content>Scatter lists.</content>
public sealed partial class DmaDevice
{
    /// <summary>
    /// Maps pieces of memory to one range of addresses, and tells the device's segments: pieces that meet at pages
    /// become one, up to <see cref="MaxSegmentSize"/> and within <see cref="SegmentBoundary"/> (Linux:
    /// dma_map_sgtable).
    /// </summary>
    /// <param name="pieces">At least one.</param>
    /// <param name="direction">Who writes them.</param>
    /// <param name="mapping">The mapping, when the answer is <see cref="IommuStatus.Ok"/>.</param>
    /// <returns>As for one buffer; Invalid when a piece is longer than a segment may be.</returns>
    public IommuStatus MapScatter(
        ReadOnlySpan<DmaPiece> pieces, DmaDirection direction, out DmaScatterMapping? mapping)
    {
        if (pieces.IsEmpty) throw new ArgumentException("There is nothing to map.", nameof(pieces));
        ObjectDisposedException.ThrowIf(_isDisposed != 0, this);
        mapping = null;
        foreach (DmaPiece piece in pieces)
        {
            ArgumentNullException.ThrowIfNull(piece.Memory);
            CheckPart(piece.Memory, piece.Offset, piece.Length);
            if (piece.Length <= MaxSegmentSize) continue;
            Observer?.OnMistake(this, DmaMistake.SegmentTooLong, $"{piece.Length} bytes, at most {MaxSegmentSize}");
            return IommuStatus.Invalid;
        }

        IommuStatus status = Space.Iovas is null || _options.BouncesAlways
            ? MapOneByOne(pieces, direction, out mapping)
            : MapTogether(pieces, direction, out mapping);
        if (status == IommuStatus.Ok) Add(mapping!);
        return status;
    }

    private IommuStatus MapOneByOne(
        ReadOnlySpan<DmaPiece> pieces, DmaDirection direction, out DmaScatterMapping? mapping)
    {
        mapping = null;
        var single = new DmaMapping[pieces.Length];
        for (int i = 0; i < pieces.Length; i++)
        {
            IommuStatus status =
                Map(pieces[i].Memory, pieces[i].Offset, pieces[i].Length, direction, out single[i]);
            if (status == IommuStatus.Ok) continue;
            while (i-- > 0) single[i].Dispose();
            return status;
        }

        DmaSegment[] segments = [.. single.Select(m => new DmaSegment(m.Address, m.Length))];
        mapping = new DmaScatterMapping(this, segments, direction, [], [], single, 0, 0);
        return IommuStatus.Ok;
    }

    private IommuStatus MapTogether(
        ReadOnlySpan<DmaPiece> pieces, DmaDirection direction, out DmaScatterMapping? mapping)
    {
        mapping = null;
        var starts = new ulong[pieces.Length];
        ulong whole = LayOut(pieces, starts);
        if (!TryAllocate(whole, _mask, out ulong iova)) return IommuStatus.NoSpace;
        var runs = new DmaRun[pieces.Length];
        var holds = new DmaHold[pieces.Length];
        IommuStatus status = IommuStatus.Ok;
        int done = 0;
        for (; done < pieces.Length; done++)
        {
            DmaPiece piece = pieces[done];
            runs[done] = Space.RunAt(iova + starts[done], piece.Memory.Bytes.Address + (nint)piece.Offset,
                piece.Length, DmaDirections.AccessOf(direction), ownsPages: true);
            status = direction == DmaDirection.None ? IommuStatus.Ok : Space.Map(in runs[done]);
            if (status != IommuStatus.Ok) break;
            holds[done] = new DmaHold(piece.Memory);
        }

        if (status != IommuStatus.Ok)
        {
            if (done > 0) Space.Unmap([.. runs.Take(done).Select(r => r.Range)]);
            for (int i = 0; i < done; i++) holds[i].Release();
            Space.Iovas!.Free(iova, whole);
            return status;
        }

        mapping = new DmaScatterMapping(this, [.. Merge(runs)], direction, runs, holds, [], iova, whole);
        if (Observer is { } observer) Tell(observer, pieces, mapping, runs);
        return IommuStatus.Ok;
    }

    private void Tell(
        DmaObserver observer, ReadOnlySpan<DmaPiece> pieces, DmaScatterMapping mapping, DmaRun[] runs)
    {
        foreach (DmaSegment segment in mapping.Segments)
        {
            ulong first = segment.Address.Value, last = first + (segment.Length - 1);
            if (((first ^ last) & ~SegmentBoundary) == 0) continue;
            observer.OnMistake(this, DmaMistake.SegmentAcrossBoundary,
                $"0x{first:x} to 0x{last:x}, boundary 0x{SegmentBoundary:x}");
        }

        for (int i = 0; i < runs.Length; i++)
        {
            observer.OnMap(this, new DmaUse(DmaUseKind.Scatter, new Iova(runs[i].Buffer.First), pieces[i].Length,
                new Hva((ulong)pieces[i].Memory.Address + pieces[i].Offset), mapping.Direction, DmaAttributes.None,
                IsBounced: false, IsConstant: false));
        }
    }

    /// <summary>Says where the pieces' pages begin within one allocation, and how long that is.</summary>
    private ulong LayOut(ReadOnlySpan<DmaPiece> pieces, Span<ulong> starts)
    {
        ulong whole = 0;
        for (int i = 0; i < pieces.Length; i++)
        {
            ulong pages = PagesOf(pieces[i]), pad = (SegmentBoundary - whole + 1) & SegmentBoundary;
            if (pad != 0 && pad < pages - 1) whole += pad; // else the piece would cross a boundary
            starts[i] = whole;
            whole += pages;
        }

        return whole;
    }

    /// <summary>Makes one segment of pieces whose addresses follow one another, where it may be one.</summary>
    private List<DmaSegment> Merge(DmaRun[] runs)
    {
        List<DmaSegment> segments = [];
        foreach (DmaRun run in runs)
        {
            IovaRange buffer = run.Buffer;
            if (segments is [.., var last] && last.Address.Value + last.Length == buffer.First
                && last.Length + buffer.Length <= MaxSegmentSize
                && ((last.Address.Value ^ buffer.Last) & ~SegmentBoundary) == 0)
                segments[^1] = last with { Length = last.Length + buffer.Length };
            else segments.Add(new DmaSegment(new Iova(buffer.First), buffer.Length));
        }

        return segments;
    }

    private ulong PagesOf(DmaPiece piece) => PagesOf((nint)piece.Offset, piece.Length);
}
