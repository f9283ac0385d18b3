using Ioasis.Core.Dma;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Memory;

namespace Ioasis.Tests.Core;

/// <summary>
/// Invariant 1: when unmap, detach, replace or clearing the bus-master bit returns, no access uses the old translation,
/// one in flight included. Threads do DMA without pause; another takes translations away and at once gives the memory a
/// new meaning, which an access through an old translation would read or destroy.
/// </summary>
[Collection(nameof(ConcurrentUnmapTests))] // with those of metered ports one after the other: each takes two processors
public class ConcurrentUnmapTests
{
    private const byte Ours = 0x11, Poison = 0xee;

    // Of this many rounds at least so many must have begun while a device was within an access: else nothing was tried.
    private const int Rounds = 20_000, MostlyMet = 200;
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);
    private protected readonly DmaBench _bench = new();
    private readonly Padded[] _within = new Padded[3]; // odd while that device is within an access
    private readonly TaskCompletionSource _haveRead = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _reading; // devices that have read something; when both have, _haveRead is complete
    private volatile bool _stop;

    [Theory]
    [InlineData(1, 1)]   // every access from the IOTLB
    [InlineData(64, 1)]  // misses and hits
    [InlineData(5, 100)] // five runs of entries in one node, of which it has room for one
    public async Task NoReadSeesMemoryAfterItsUnmapReturned(int mappings, int pages)
    {
        ulong each = (ulong)pages * 4096;
        Endpoint endpoint = _bench.NewEndpoint();
        PagingDomain domain = _bench.NewDomain();
        endpoint.Attach(null, domain);
        int met = 0;
        var mapped = new (IovaRange Range, HostBlock Block)[mappings];
        mapped[0] = _bench.Map(domain, 4096, each, Ours);
        Task[] devices = [Reader(endpoint, mappings * pages, 0), Reader(endpoint, mappings * pages, 1)];
        await _haveRead.Task.WaitAsync(s_patience, TestContext.Current.CancellationToken);

        for (int round = 0; round < Rounds || (met < MostlyMet && round < 100 * Rounds); round++)
        {
            int one = round % mappings;
            if (mapped[one].Block is { } old)
            {
                if (IsADeviceWithin()) met++;
                domain.Mappings.Unmap(mapped[one].Range);

                // The memory is somebody else's now: a device that still reads it sees this, and fails its check.
                for (ulong at = 0; at < each; at += 4096)
                {
                    old.Write(at, 0xeeeeeeeeeeeeeeeeUL);
                    old.Write(at + 4088, 0xeeeeeeeeeeeeeeeeUL);
                }

                _bench.Memory.Free(old);
            }

            mapped[one] = _bench.Map(domain, 4096 + ((ulong)one * each), each, Ours);
        }

        _stop = true;
        await Task.WhenAll(devices);
        Assert.True(met >= MostlyMet, $"{met} unmaps met an access");
    }

    [Fact]
    public async Task NoWriteReachesMemoryAfterItsUnmapReturned()
    {
        Endpoint endpoint = _bench.NewEndpoint();
        PagingDomain domain = _bench.NewDomain();
        endpoint.Attach(null, domain);
        Task device = Writer(endpoint, 0);
        int met = 0;
        byte[] clean = new byte[4096], seen = new byte[4096];
        clean.AsSpan().Fill(Poison);
        for (int round = 0; round < Rounds || (met < MostlyMet && round < 100 * Rounds); round++)
        {
            (IovaRange range, HostBlock block) = _bench.Map(domain, 4096, 4096, Ours);
            if (IsADeviceWithin()) met++;
            domain.Mappings.Unmap(range);
            block.CopyFrom(0, clean);
            Thread.Yield();
            block.CopyTo(0, seen);
            Assert.True(seen.AsSpan().SequenceEqual(clean),
                $"round {round}: a device wrote to memory that was unmapped");
            _bench.Memory.Free(block);
        }

        _stop = true;
        await device;
        Assert.True(met >= MostlyMet, $"{met} unmaps met an access");
    }

    [Fact]
    public async Task AReplacementHasNoGapAndLeavesNothingBehind()
    {
        // Both tables map the same address, to 0x11 and 0x22. After Attach returned, only the new one's bytes may be
        // read.
        Endpoint endpoint = _bench.NewEndpoint();
        PagingDomain[] domains = [_bench.NewDomain(), _bench.NewDomain()];
        _bench.Map(domains[0], 4096, 4096, 0x11);
        _bench.Map(domains[1], 4096, 4096, 0x22);
        endpoint.Attach(null, domains[0]);
        long epoch = 0; // twice the number of replacements finished, plus one while one is under way
        var device = Task.Factory.StartNew(
            () =>
            {
                using DmaPort port = endpoint.OpenPort();
                byte[] data = new byte[64];
                while (!_stop)
                {
                    long before = Volatile.Read(ref epoch);
                    Access(0, () => Assert.True(
                            port.Read(new Iova(4096), data).IsOk, "a replacement must not leave a gap"));
                    long after = Volatile.Read(ref epoch);
                    if (before == after && before % 2 == 0) Assert.Equal(before % 4 == 0 ? 0x11 : 0x22, data[0]);
                }
            },
            TaskCreationOptions.LongRunning);
        int met = 0;
        for (int round = 1; round < Rounds || (met < MostlyMet && round < 100 * Rounds); round++)
        {
            if (IsADeviceWithin()) met++;
            Volatile.Write(ref epoch, (round * 2) - 1);
            endpoint.Attach(null, domains[round % 2]);
            Volatile.Write(ref epoch, round * 2);
        }

        _stop = true;
        await device;
        Assert.True(met >= MostlyMet, $"{met} replacements met an access");
    }

    [Theory]
    [InlineData(16)]   // cut between pages of one node
    [InlineData(300)]  // cut within a run of a node
    [InlineData(1024)] // 4 MiB from a boundary of 2 MiB on: cut within what is one entry of a node
    public async Task ASplitHasNoGapAndItsPartsAreTakenAwayEachByItself(int pages)
    {
        // Devices read all of a mapping that is split again and again: they never miss a byte of the lower part, and
        // none of the upper after it was taken away.
        const ulong at = 0x20_0000;
        Endpoint endpoint = _bench.NewEndpoint();
        PagingDomain domain = _bench.NewDomain();
        endpoint.Attach(null, domain);
        ulong length = (ulong)pages * 4096;
        (IovaRange whole, HostBlock block) = _bench.Map(domain, at, length, Ours);
        long kept = pages, epoch = 0; // how many pages are there throughout the epoch
        Task[] devices = [.. Enumerable.Range(0, 2).Select(seed => Task.Factory.StartNew(
            () =>
            {
                using DmaPort port = endpoint.OpenPort();
                var random = new Random(seed);
                byte[] data = new byte[8192];
                bool hasRead = false;
                while (!_stop)
                {
                    long page = random.NextInt64(pages);
                    int count = random.Next(1, data.Length);
                    long before = Volatile.Read(ref epoch);
                    bool there = page + 2 <= Volatile.Read(ref kept);
                    bool read = port.Read(new Iova(at + ((ulong)page * 4096)), data.AsSpan(0, count)).IsOk;
                    if (!read && there && before == Volatile.Read(ref epoch))
                        throw new InvalidOperationException("a split left a gap");
                    if (read && data.AsSpan(0, count).ContainsAnyExcept(Ours))
                        throw new InvalidOperationException("a device read memory that was unmapped");
                    if (read && !hasRead) SayThatItReads(ref hasRead);
                }
            },
            TaskCreationOptions.LongRunning))];
        await _haveRead.Task.WaitAsync(s_patience, TestContext.Current.CancellationToken);
        var chooser = new Random(1);
        byte[] poison = new byte[4096], ours = new byte[4096];
        poison.AsSpan().Fill(Poison);
        ours.AsSpan().Fill(Ours);
        for (int round = 0; round < 3_000 && !Array.Exists(devices, d => d.IsCompleted); round++)
        {
            // Its last page goes, sometimes after more cuts below it, and comes back: the split parts are made one
            // mapping again.
            ulong page = (ulong)pages - 1, middle = (ulong)chooser.Next(1, pages - 1);
            Keep((long)page);
            var lower = new IovaRange(at, at + (page * 4096) - 1);
            domain.Mappings.Split(whole, lower.Last);
            domain.Mappings.Split(lower, at + (middle * 4096) - 1);
            domain.Mappings.Unmap(new IovaRange(lower.Last + 1, whole.Last));
            block.CopyFrom(page * 4096, poison);
            Thread.Yield();
            block.CopyFrom(page * 4096, ours);
            Keep(0);
            domain.Mappings.Unmap(
                [new IovaRange(at, at + (middle * 4096) - 1), new IovaRange(at + (middle * 4096), lower.Last)]);
            domain.Mappings.Map(whole, Backing(block, length), 0, MapAccess.ReadWrite);
            Keep(pages);
            if (round % 8 == 0) Thread.Sleep(0);
        }

        _stop = true;
        await Task.WhenAll(devices);

        void Keep(long count)
        {
            Volatile.Write(ref kept, count);
            Interlocked.Increment(ref epoch);
        }
    }

    private MemoryBacking Backing(HostBlock block, ulong length)
    {
        MemoryBacking backing = _bench.Memory.Reference(new Hva((ulong)block.Address), length, writable: true);
        Assert.True(backing.TryPopulate());
        return backing;
    }

    /// <summary>
    /// Whether a device has begun an access and not ended it: if the change comes soon, it meets that access.
    /// </summary>
    private bool IsADeviceWithin()
    {
        for (int i = 0; i < _within.Length; i++)
            if ((Volatile.Read(ref _within[i].Value) & 1) != 0) return true;
        return false;
    }

    private void Access(int device, Action access)
    {
        Interlocked.Increment(ref _within[device].Value);
        access();
        Interlocked.Increment(ref _within[device].Value);
    }

    private void SayThatItReads(ref bool hasRead)
    {
        hasRead = true;
        if (Interlocked.Increment(ref _reading) == 2) _haveRead.SetResult();
    }

    private Task Reader(Endpoint endpoint, int pages, int device) => Task.Factory.StartNew(
        () =>
        {
            using DmaPort port = endpoint.OpenPort();
            byte[] data = new byte[4096];
            bool hasRead = false;
            for (int i = 0; !_stop; i++)
            {
                Interlocked.Increment(ref _within[device].Value);
                bool isOk = port.Read(new Iova((ulong)((i % pages) + 1) * 4096), data).IsOk;
                Interlocked.Increment(ref _within[device].Value);
                if (!isOk) continue;
                if (!hasRead) SayThatItReads(ref hasRead);
                if (data.AsSpan().ContainsAnyExcept(Ours))
                    throw new InvalidOperationException("a device read memory that was unmapped");
            }
        },
        TaskCreationOptions.LongRunning);

    private Task Writer(Endpoint endpoint, int device) => Task.Factory.StartNew(
        () =>
        {
            using DmaPort port = endpoint.OpenPort();
            byte[] data = new byte[4096];
            while (!_stop) Access(device, () => port.Write(new Iova(4096), data));
        },
        TaskCreationOptions.LongRunning);

    [System.Runtime.InteropServices.StructLayout(System.Runtime.InteropServices.LayoutKind.Explicit, Size = 128)]
    private struct Padded
    {
        [System.Runtime.InteropServices.FieldOffset(64)]
        internal long Value;
    }
}
