using System.Runtime.InteropServices;
using Ioasis.Core.Dma;
using Ioasis.Memory;

namespace Ioasis.Devices.Nvme;

/// <summary>
/// The data of a command, and its transfer to and from memory by physical region pages (PRPs): the first may begin
/// within a page; the second is a page or leads to a list; a list may continue in further lists. One instance per
/// thread.
/// </summary>
/// <param name="port">The thread's port.</param>
internal sealed class NvmeData(DmaPort port)
{
    /// <summary>Log2 of the longest transfer in pages of 4 KiB.</summary>
    internal const int LongestLog2 = 7;

    internal const int Longest = 4096 << LongestLog2;
    private const int EntrySize = sizeof(ulong);
    private const int Window = 512;
    private readonly ulong[] _entries = new ulong[Window]; // part of a list, read in one access
    private byte[] _bytes = [];
    private NvmeCounts _counts;
    private ulong _list;
    private int _listLeft; // entries from _list to the end of its page
    private int _read, _used; // in _entries: entries read, entries used

    /// <summary>What its thread has read and written.</summary>
    internal ref NvmeCounts Counts => ref _counts;

    /// <summary>A buffer for data in transfer. Its contents are undefined.</summary>
    internal Span<byte> Bytes(int count)
    {
        if (_bytes.Length < count) _bytes = new byte[count <= 4096 ? 4096 : Longest];
        return _bytes.AsSpan(0, count);
    }

    /// <summary>Reads from memory.</summary>
    internal NvmeStatus Read(in NvmeCommand command, int pageShift, Span<byte> into) =>
        Move(in command, pageShift, into, toMemory: false);

    /// <summary>Writes to memory.</summary>
    internal NvmeStatus Write(in NvmeCommand command, int pageShift, Span<byte> from) =>
        Move(in command, pageShift, from, toMemory: true);

    private NvmeStatus Move(in NvmeCommand command, int pageShift, Span<byte> bytes, bool toMemory)
    {
        int page = 1 << pageShift;
        ulong offsetMask = (ulong)page - 1;
        if ((command.Prp1 & 3) != 0) return NvmeStatus.PrpInvalidOffset;
        int done = (int)Math.Min((ulong)bytes.Length, (ulong)page - (command.Prp1 & offsetMask));
        if (!Move(command.Prp1, bytes[..done], toMemory)) return NvmeStatus.DataXferError;
        if (done == bytes.Length) return NvmeStatus.Success;
        bool isList = bytes.Length - done > page;
        if (isList)
        {
            if ((command.Prp2 & (EntrySize - 1)) != 0) return NvmeStatus.PrpInvalidOffset;
            Follow(command.Prp2, page);
        }

        while (done < bytes.Length)
        {
            ulong entry = command.Prp2;
            if (isList)
            {
                NvmeStatus status = Next(bytes.Length - done, page, out entry);
                if (status != NvmeStatus.Success) return status;
            }

            if ((entry & offsetMask) != 0) return NvmeStatus.PrpInvalidOffset;
            int count = Math.Min(page, bytes.Length - done);
            if (!Move(entry, bytes.Slice(done, count), toMemory)) return NvmeStatus.DataXferError;
            done += count;
        }

        return NvmeStatus.Success;
    }

    /// <summary>
    /// The next page of a list. If more data is left than one page holds, the last entry of a list's page leads to the
    /// list's next page. Each step takes an entry of data or leads to a page that begins with one, so no list is
    /// endless.
    /// </summary>
    private NvmeStatus Next(int left, int page, out ulong entry)
    {
        int wanted = (left + page - 1) / page;
        if (!TryEntry(wanted, out entry)) return NvmeStatus.DataXferError;
        if (_listLeft > 0 || left <= page) return NvmeStatus.Success;
        if ((entry & ((ulong)page - 1)) != 0) return NvmeStatus.PrpInvalidOffset;
        Follow(entry, page);
        return TryEntry(wanted, out entry) ? NvmeStatus.Success : NvmeStatus.DataXferError;
    }

    private void Follow(ulong list, int page)
    {
        _list = list;
        _listLeft = (int)(((ulong)page - (list & ((ulong)page - 1))) / EntrySize);
        _read = _used = 0;
    }

    private bool TryEntry(int wanted, out ulong entry)
    {
        entry = 0;
        if (_used == _read)
        {
            _used = 0;
            _read = Math.Min(Math.Min(_listLeft, wanted), Window);
            if (!Move(_list, MemoryMarshal.AsBytes(_entries.AsSpan(0, _read)), toMemory: false)) return false;
            _list = unchecked(_list + ((ulong)_read * EntrySize));
        }

        entry = _entries[_used++];
        _listLeft--;
        return true;
    }

    private bool Move(ulong at, Span<byte> bytes, bool toMemory) =>
        (toMemory ? port.Write(new Iova(at), bytes) : port.Read(new Iova(at), bytes)).IsOk;
}
