using Ioasis.Core.Dma;
using Ioasis.Core.Endpoints;
using Ioasis.Memory;
using Ioasis.PageTables.X64;
using Ioasis.Units.Vtd;
using Ioasis.Units.Vtd.Nested;
using static Ioasis.Tests.Units.Vtd.NestedBench;

namespace Ioasis.Tests.Units.Vtd;

/// <summary>
/// Invariant 1 where a guest owns the first stage: when an invalidation, an unmap of the second stage or a detach
/// returns, no access uses what it took away. Devices read and write without pause; what the tables lead to changes,
/// and the page that they led to is poisoned at once.
/// </summary>
public sealed class NestedThreadTests : IDisposable
{
    private const ulong Iova = 0x40_0000, Leaf = 3 * Page, SpareTable = 4 * Page, FirstData = 16,
        Ours = 0x1111111111111111, Poison = 0xeeeeeeeeeeeeeeee;
    private const byte OursByte = 0x11;
    private const int Pages = 4, Patience = 60_000; // milliseconds
    private volatile bool _stop;

    public void Dispose() => _stop = true; // also when a test failed

    [Theory]
    [InlineData(null, null, true)]
    [InlineData(null, null, false)]
    [InlineData(2, null, true)] // what one walk keeps makes room of what another did
    [InlineData(2, 1, false)]
    [InlineData(0, null, false)]
    [InlineData(0, 0, true)]
    public async Task NoAccessUsesATranslationAfterItsInvalidationReturned(
        int? translations, int? structures, bool leafOnly)
    {
        var bench = new NestedBench(new VtdFeatures { IotlbEntries = translations, StructureEntries = structures });
        VtdNestedDomain domain = Build(bench);
        RunningDevice[] devices = [Device(bench, domain, 1), Device(bench, domain, 2)];
        var random = new Random(1);
        foreach (int round in Rounds(devices))
        {
            // Another page of memory behind one address, by its leaf or by a table of leaves that takes the place of
            // the one before.
            ulong index = (ulong)random.Next(Pages), table = bench.Read((2 * Page) + (2 * 8)) & ~0xfffUL;
            ulong old = bench.Read(table + (index * 8)) & ~0xfffUL;
            ulong next = (FirstData + index + (old == (FirstData + index) * Page ? (ulong)Pages : 0)) * Page;
            Fill(bench, next, Ours);
            if (leafOnly)
            {
                bench.Write(table + (index * 8), next | All);
            }
            else
            {
                ulong other = table == Leaf ? SpareTable : Leaf;
                for (ulong i = 0; i < Pages; i++)
                    bench.Write(other + (i * 8), i == index ? next | All : bench.Read(table + (i * 8)));
                bench.Write((2 * Page) + (2 * 8), other | All);
            }

            Invalidate(domain, Iova + (index * Page), 1, leafOnly);
            Fill(bench, old, Poison);
            devices[round % 2].AwaitAccess();
            Assert.True(Holds(bench, old, Poison),
                $"round {round}: a device wrote through a translation that was invalidated");
        }

        _stop = true;
        await Task.WhenAll(devices.Select(device => device.Task));
    }

    [Fact]
    public async Task NoAccessUsesMemoryAfterItsUnmapFromTheSecondStageReturned()
    {
        const ulong far = 1024 * Page;
        var bench = new NestedBench();
        VtdNestedDomain domain = Build(bench);
        for (ulong i = 0; i < Pages; i++) bench.Write(Leaf + (i * 8), (far + (i * Page)) | All);
        RunningDevice[] devices = [Device(bench, domain, 1), Device(bench, domain, 2)];
        foreach (int round in Rounds(devices))
        {
            (IovaRange mapping, HostBlock block) = bench.MapGuest(far, Pages * Page, OursByte);
            devices[round % 2].AwaitAccess();
            bench.Parent.Mappings.Unmap(mapping);
            for (ulong at = 0; at < Pages * Page; at += 512) block.Write(at, Poison);
            Thread.Yield();
            for (ulong at = 0; at < Pages * Page; at += 512) Assert.Equal(Poison, block.Read<ulong>(at));
            bench.Free(block);
        }

        _stop = true;
        await Task.WhenAll(devices.Select(device => device.Task));
    }

    [Theory]
    [InlineData(null, null)]
    [InlineData(0, null)] // tables are known by where they are in our process
    [InlineData(0, 0)]
    public async Task NoAccessReadsATableAfterItsUnmapFromTheSecondStageReturned(int? translations, int? structures)
    {
        const ulong far = 1024 * Page, forbidden = FirstData + Pages;
        var bench = new NestedBench(new VtdFeatures { IotlbEntries = translations, StructureEntries = structures });
        VtdNestedDomain domain = Build(bench);
        bench.Write((2 * Page) + (2 * 8), far | All);
        for (ulong i = 0; i < Pages; i++) Fill(bench, (forbidden + i) * Page, Poison);
        RunningDevice[] devices = [Device(bench, domain, 1), Device(bench, domain, 2)];
        foreach (int round in Rounds(devices))
        {
            (IovaRange mapping, HostBlock table) = bench.MapGuest(far, Page);
            for (ulong i = 0; i < Pages; i++)
                table.Write(i * 8, ((FirstData + i) * Page) | All | X64Entry.AccessedBit | X64Entry.DirtyBit);
            devices[round % 2].AwaitAccess();
            bench.Parent.Mappings.Unmap(mapping);
            if (translations is null) Invalidate(domain); // what the tables said may be used until then
            for (ulong i = 0; i < Pages; i++)
                table.Write(i * 8, ((forbidden + i) * Page) | All | X64Entry.AccessedBit | X64Entry.DirtyBit);
            Thread.Yield();
            for (ulong i = 0; i < Pages; i++)
                Assert.True(Holds(bench, (forbidden + i) * Page, Poison),
                $"round {round}: a device wrote by a table that was taken away");
            bench.Free(table);
        }

        _stop = true;
        await Task.WhenAll(devices.Select(device => device.Task));
    }

    [Fact]
    public async Task NoAccessUsesAFirstStageAfterItsDetachReturned()
    {
        var bench = new NestedBench();
        VtdNestedDomain domain = Build(bench);
        Endpoint endpoint = bench.NewEndpoint();
        endpoint.Attach(null, domain);
        RunningDevice[] devices = [Device(bench, domain, 1, endpoint), Device(bench, domain, 2, endpoint)];
        foreach (int round in Rounds(devices))
        {
            devices[round % 2].AwaitAccess();
            endpoint.Attach(null, null);
            ulong old = bench.Read(Leaf) & ~0xfffUL,
                next = (FirstData + (old == FirstData * Page ? (ulong)Pages : 0)) * Page;
            Fill(bench, old, Poison);
            Fill(bench, next, Ours);
            bench.Write(Leaf, next | All);
            Assert.True(Holds(bench, old, Poison),
                $"round {round}: a device wrote through a first stage that was detached");
            endpoint.Attach(null, domain);
        }

        _stop = true;
        await Task.WhenAll(devices.Select(device => device.Task));
    }

    /// <summary>
    /// As many rounds as a second has, at least one for each device and at most 20,000; none when a device has failed.
    /// </summary>
    private static IEnumerable<int> Rounds(RunningDevice[] devices)
    {
        long end = Environment.TickCount64 + 1000;
        for (int round = 0; round < 20_000 && (round < devices.Length || Environment.TickCount64 < end)
            && !Array.Exists(devices, d => d.Task.IsFaulted); round++) yield return round;
    }

    /// <summary>A device that reads and writes what must always be <see cref="Ours"/>.</summary>
    private RunningDevice Device(NestedBench bench, VtdNestedDomain domain, int seed, Endpoint? attached = null)
    {
        Endpoint endpoint = attached ?? bench.NewEndpoint();
        if (attached is null) endpoint.Attach(null, domain);
        return new RunningDevice(endpoint, seed, () => _stop);
    }

    private sealed class RunningDevice
    {
        private long _done; // accesses that were not refused

        internal RunningDevice(Endpoint endpoint, int seed, Func<bool> mustStop) =>
            Task = Task.Factory.StartNew(() => Run(endpoint, seed, mustStop), TaskCreationOptions.LongRunning);

        internal Task Task { get; }

        /// <summary>
        /// Waits until an access that began after this call gets through, so that the next step finds the device at
        /// work; returns at once if the device has failed.
        /// </summary>
        internal void AwaitAccess()
        {
            long enough = Interlocked.Read(ref _done) + 2; // the first may have begun before
            long end = Environment.TickCount64 + Patience;
            SpinWait spin = default;
            while (Interlocked.Read(ref _done) < enough && !Task.IsFaulted)
            {
                Assert.True(Environment.TickCount64 < end, "a device gets no access through");
                spin.SpinOnce(sleep1Threshold: -1); // never a whole millisecond: many rounds are wanted
            }
        }

        private void Run(Endpoint endpoint, int seed, Func<bool> mustStop)
        {
            using DmaPort port = endpoint.OpenPort();
            var random = new Random(seed);
            byte[] data = new byte[64], ours = new byte[64];
            ours.AsSpan().Fill(OursByte);
            while (!mustStop())
            {
                var at = new Iova(Iova + ((ulong)random.Next(Pages) * Page) + ((ulong)random.Next(8) * 512));
                bool isWrite = random.Next(2) == 0;
                if (!(isWrite ? port.Write(at, ours) : port.Read(at, data)).IsOk) continue;
                if (!isWrite && data.AsSpan().ContainsAnyExcept(OursByte))
                    throw new InvalidOperationException("a device read through what was taken away");
                Interlocked.Increment(ref _done);
            }
        }
    }

    private static VtdNestedDomain Build(NestedBench bench)
    {
        bench.Write(Root, Page | All);
        bench.Write(Page, (2 * Page) | All);
        bench.Write((2 * Page) + (2 * 8), Leaf | All);
        for (ulong i = 0; i < Pages; i++)
        {
            Fill(bench, (FirstData + i) * Page, Ours);
            bench.Write(Leaf + (i * 8), ((FirstData + i) * Page) | All);
        }

        return bench.NewDomain();
    }

    private static void Fill(NestedBench bench, ulong page, ulong value)
    {
        for (ulong at = 0; at < Page; at += 8) bench.Write(page + at, value);
    }

    private static bool Holds(NestedBench bench, ulong page, ulong value)
    {
        for (ulong at = 0; at < Page; at += 8)
            if (bench.Read(page + at) != value) return false;
        return true;
    }
}
