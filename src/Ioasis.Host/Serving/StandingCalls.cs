using Ioasis.Abi;
using Ioasis.Linux.Files;
using Ioasis.Linux.Memory;

namespace Ioasis.Host.Serving;

/// <summary>
/// The IDs of the calls that were received and are not answered, in a file in memory. Linux shows them to nobody, so
/// when we are killed, it is from this file that the process which watches us knows which calls to answer.
/// </summary>
/// <remarks>
/// Word 0 is the call that was received last, for one that was received but not yet noted. The others are a hash table:
/// Linux counts IDs up, so a call's first slot is mostly free. A call that finds none among its slots is not noted.
/// Nobody unmaps the list: a thread that serves may be at its last call when all else has ended.
/// </remarks>
internal sealed class StandingCalls
{
    private const ulong Slots = 4096, Probes = 64, WordSize = sizeof(ulong);
    private const ulong Length = (1 + Slots) * WordSize;

    private readonly MappedFile _words;

    private StandingCalls(MappedFile words) => _words = words;

    /// <summary>The call that was received last; 0 for none.</summary>
    public ulong Last => _words.Read<ulong>(0);

    /// <summary>The calls that stand, in no order.</summary>
    public IEnumerable<ulong> All =>
        Enumerable.Range(1, (int)Slots).Select(word => _words.Read<ulong>((ulong)word * WordSize)).Where(id => id != 0);

    /// <summary>Makes an empty list.</summary>
    /// <param name="file">Its file, for the process that watches us. The list itself needs no descriptor.</param>
    /// <exception cref="IOException">The host has no descriptor or no memory for it.</exception>
    public static StandingCalls Create(out FileDescriptor file)
    {
        Errno errno = SysFiles.CreateMemfd("ioasis-calls", FcntlH.MFD_CLOEXEC, out file);
        if (errno == Errno.None) errno = SysFiles.Truncate(file, Length);
        if (errno == Errno.None && TryOpen(file) is { } calls) return calls;
        file.Dispose();
        throw new IOException("the host gives no memory for the list of calls");
    }

    /// <summary>The list in such a file; null if it cannot be mapped.</summary>
    public static StandingCalls? TryOpen(FileDescriptor file) =>
        MappedFile.TryMap(file, 0, Length, writable: true, out MappedFile? words) == Errno.None
            ? new StandingCalls(words!)
            : null;

    /// <summary>A call was received.</summary>
    public void Add(ulong id)
    {
        _words.Write(0, id);
        for (ulong probe = 0; probe < Probes; probe++)
            if (_words.TryReplace(OffsetOf(id, probe), 0UL, id)) return;
    }

    /// <summary>It was answered, or nobody waits for it.</summary>
    public void Remove(ulong id)
    {
        for (ulong probe = 0; probe < Probes; probe++)
        {
            ulong offset = OffsetOf(id, probe);
            if (_words.Read<ulong>(offset) != id) continue;
            _words.Write(offset, 0UL);
            return;
        }
    }

    private static ulong OffsetOf(ulong id, ulong probe) => (1 + (unchecked(id + probe) % Slots)) * WordSize;
}
