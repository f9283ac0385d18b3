using System.Buffers.Binary;
using System.Text;
using Ioasis.Devices.Blocks;

namespace Ioasis.Devices.Virtio.Blk;

/// <summary>Executes the requests of one queue in order (virtio 1.3, 5.2.6). One thread uses it at a time.</summary>
internal sealed class BlkServer
{
    private const int HeaderSize = 16, RangeSize = 16, IdSize = 20, Piece = 64 * 1024, Batch = 32 * 1024;
    private const uint UnmapFlag = 1;
    private readonly VirtQueue _queue;
    private readonly IVirtioSlot _slot;
    private readonly BlockStore _store;
    private readonly bool _isReadOnly;
    private readonly byte[] _id = new byte[IdSize];
    private readonly VirtChain _chain = new();
    private readonly byte[] _piece = new byte[Piece];
    private bool _writesThrough, _canDiscard, _canZero;

    internal BlkServer(VirtQueue queue, IVirtioSlot slot, BlockStore store, VirtioBlkOptions options)
    {
        _queue = queue;
        _slot = slot;
        _store = store;
        _isReadOnly = options.ReadOnly;
        Encoding.ASCII.GetBytes(options.Serial.AsSpan(0, Math.Min(options.Serial.Length, IdSize)), _id);
    }

    /// <summary>What a request asks for.</summary>
    private enum Operation : uint
    {
        In = 0,
        Out = 1,
        Flush = 4,
        GetId = 8,
        Discard = 11,
        WriteZeroes = 13,
    }

    /// <summary>What a driver is told.</summary>
    private enum Outcome : byte
    {
        Ok = 0,
        IoError = 1,
        Unsupported = 2,
    }

    private ulong Sectors => (ulong)_store.Size >> BlkConfig.SectorShift;

    internal void Start(ulong features)
    {
        // a driver that cannot flush relies on its writes
        _writesThrough = (features & BlkFeatures.Flush) == 0;
        _canDiscard = (features & BlkFeatures.Discard) != 0;
        _canZero = (features & BlkFeatures.WriteZeroes) != 0;
    }

    internal void Serve(CancellationToken stop)
    {
        uint moved = 0; // by requests that the driver does not see as used yet
        while (!stop.IsCancellationRequested && _queue.TryPop(_chain))
        {
            if (_chain.WritableBytes == 0 || _chain.ReadableBytes < HeaderSize)
            {
                _queue.Flush();
                _slot.Fail(); // there is no request, or no place for its status
                return;
            }

            Outcome outcome = Execute(stop, out uint written);
            if (stop.IsCancellationRequested) return;
            // a status that cannot be written is recorded as a fault, and all that can be told
            _chain.Write(_chain.WritableBytes - 1, [(byte)outcome]);
            written = outcome == Outcome.Ok ? written + 1 : 1;
            _queue.Push(_chain, written);
            // Short reads are shown together, as an interrupt for each costs more than the read.
            moved += written;
            if (written > 1 && moved < Batch && _queue.Look()) continue;
            _queue.Flush();
            moved = 0;
        }
    }

    private Outcome Execute(CancellationToken stop, out uint written)
    {
        written = 0;
        Span<byte> header = stackalloc byte[HeaderSize];
        if (!_chain.Read(0, header)) return Outcome.IoError;
        var operation = (Operation)BinaryPrimitives.ReadUInt32LittleEndian(header);
        ulong sector = BinaryPrimitives.ReadUInt64LittleEndian(header[8..]);
        try
        {
            return operation switch
            {
                Operation.In => Read(sector, stop, out written),
                Operation.Out => Write(sector, stop),
                Operation.Flush => Flush(sector),
                Operation.GetId => GetId(sector, out written),
                Operation.Discard when _canDiscard => Change(isDiscard: true, stop),
                Operation.WriteZeroes when _canZero => Change(isDiscard: false, stop),
                _ => Outcome.Unsupported,
            };
        }
        catch (IOException)
        {
            return Outcome.IoError;
        }
    }

    private Outcome Read(ulong sector, CancellationToken stop, out uint written)
    {
        written = 0;
        ulong count = _chain.WritableBytes - 1;
        if (!TryPlace(sector, count, out long offset)) return Outcome.IoError;
        for (ulong done = 0; done < count && !stop.IsCancellationRequested; done += Piece)
        {
            Span<byte> piece = _piece.AsSpan(0, (int)Math.Min(Piece, count - done));
            _store.Read(offset + (long)done, piece);
            if (!_chain.Write(done, piece)) return Outcome.IoError;
        }

        written = (uint)count;
        return Outcome.Ok;
    }

    private Outcome Write(ulong sector, CancellationToken stop)
    {
        ulong count = _chain.ReadableBytes - HeaderSize;
        if (_isReadOnly || !TryPlace(sector, count, out long offset)) return Outcome.IoError;
        for (ulong done = 0; done < count && !stop.IsCancellationRequested; done += Piece)
        {
            Span<byte> piece = _piece.AsSpan(0, (int)Math.Min(Piece, count - done));
            if (!_chain.Read(HeaderSize + done, piece)) return Outcome.IoError;
            _store.Write(offset + (long)done, piece);
        }

        if (_writesThrough) _store.Flush();
        return Outcome.Ok;
    }

    private Outcome Flush(ulong sector)
    {
        if (sector != 0) return Outcome.IoError;
        _store.Flush();
        return Outcome.Ok;
    }

    private Outcome GetId(ulong sector, out uint written)
    {
        written = (uint)Math.Min(_chain.WritableBytes - 1, IdSize);
        return sector == 0 && _chain.Write(0, _id.AsSpan(0, (int)written)) ? Outcome.Ok : Outcome.IoError;
    }

    /// <summary>Discards or zeroes ranges. All are checked before any is changed.</summary>
    private Outcome Change(bool isDiscard, CancellationToken stop)
    {
        ulong count = _chain.ReadableBytes - HeaderSize;
        if (_isReadOnly || count == 0 || count % RangeSize != 0 || count > BlkConfig.MostRanges * RangeSize)
            return Outcome.IoError;
        Span<byte> ranges = _piece.AsSpan(0, (int)count);
        if (!_chain.Read(HeaderSize, ranges)) return Outcome.IoError;
        for (int at = 0; at < ranges.Length; at += RangeSize)
        {
            (ulong sector, uint sectors, uint flags) = RangeAt(ranges[at..]);
            if ((flags & ~UnmapFlag) != 0 || (isDiscard && flags != 0)) return Outcome.Unsupported;
            ulong length = (ulong)sectors << BlkConfig.SectorShift;
            if (sectors > BlkConfig.MostRangeSectors || !TryPlace(sector, length, out _)) return Outcome.IoError;
        }

        for (int at = 0; at < ranges.Length && !stop.IsCancellationRequested; at += RangeSize)
        {
            (ulong sector, uint sectors, uint flags) = RangeAt(ranges[at..]);
            long offset = (long)sector << BlkConfig.SectorShift, length = (long)sectors << BlkConfig.SectorShift;
            bool mayFree = isDiscard || (flags & UnmapFlag) != 0;
            bool isDone = mayFree && _store.TryDeallocate(offset, length);
            if (!isDone && !isDiscard) _store.Zero(offset, length); // a discard is a hint
        }

        if (_writesThrough) _store.Flush();
        return Outcome.Ok;

        static (ulong Sector, uint Sectors, uint Flags) RangeAt(ReadOnlySpan<byte> range) =>
            (BinaryPrimitives.ReadUInt64LittleEndian(range), BinaryPrimitives.ReadUInt32LittleEndian(range[8..]),
                BinaryPrimitives.ReadUInt32LittleEndian(range[12..]));
    }

    /// <summary>The byte offset of whole sectors; false if they are not all on the device.</summary>
    private bool TryPlace(ulong sector, ulong count, out long offset)
    {
        offset = 0;
        ulong sectors = count >> BlkConfig.SectorShift;
        if (count % BlkConfig.SectorSize != 0 || sector > Sectors || sectors > Sectors - sector) return false;
        offset = (long)sector << BlkConfig.SectorShift;
        return true;
    }
}
