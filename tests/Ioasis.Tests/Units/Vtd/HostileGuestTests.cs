using Ioasis.Core.Dma;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Faults;
using Ioasis.Memory;
using Ioasis.PageTables.X64;
using Ioasis.Units.Vtd;
using Ioasis.Units.Vtd.Nested;

namespace Ioasis.Tests.Units.Vtd;

/// <summary>
/// Invariant 8 for guests: tables of garbage, that lead to themselves, out of memory, and change under the walk.
/// </summary>
public sealed class HostileGuestTests
{
    private const int Accesses = 200_000, GuestPages = 64;

    [Theory]
    [InlineData(48u, null)]
    [InlineData(57u, null)]
    [InlineData(57u, 0)]
    [InlineData(48u, 4)]
    public async Task WhateverTablesSayAndBecomeEachAccessEndsAndStaysInTheGuestsMemory(uint width, int? kept)
    {
        var bench = new NestedBench(new VtdFeatures { IotlbEntries = kept, StructureEntries = kept }, GuestPages);
        VtdNestedDomain domain = bench.NewDomain(width: width);
        HostBlock outside = new(0x1000);
        outside.Write(0, 0x5a5a_5a5a_5a5a_5a5aUL);
        var random = new Random(1);
        // the devices find tables, however late the guest goes on
        for (int i = 0; i < 20_000; i++) Mutate(bench, domain, random);
        bool over = false;
        Task guest = Task.Run(
            () =>
            {
                while (!Volatile.Read(ref over)) Mutate(bench, domain, random);
            },
            TestContext.Current.CancellationToken);
        Task<int>[] devices = [.. Enumerable.Range(2, 2).Select(seed =>
            Task.Run(() => Access(bench, domain, new Random(seed)), TestContext.Current.CancellationToken))];
        int[] done = await Task.WhenAll(devices);
        Volatile.Write(ref over, true);
        await guest;
        Assert.All(done, count => Assert.InRange(count, 1, Accesses - 1)); // some went through, some did not
        Assert.Equal(0x5a5a_5a5a_5a5a_5a5aUL, outside.Read<ulong>(0));
    }

    /// <summary>
    /// Entries of every kind: present and not, of itself, of other tables, far outside, with any bits.
    /// </summary>
    private static void Mutate(NestedBench bench, VtdNestedDomain domain, Random random)
    {
        ulong at = (ulong)random.Next(GuestPages) << 12 | ((ulong)random.Next(512) << 3);
        ulong target = (ulong)random.Next(GuestPages) << 12;
        ulong entry = random.Next(8) switch
        {
            0 => (ulong)random.NextInt64(),
            1 => 0,
            2 => (at & ~0xfffUL) | NestedBench.All, // itself
            3 => (1UL << random.Next(20, 52)) | NestedBench.All,
            4 => target | NestedBench.All | X64Entry.PageSizeBit,
            _ => target | NestedBench.All,
        };
        bench.Write(at, entry);
        // the root leads on
        if (random.Next(4) == 0) bench.Write((ulong)random.Next(512) << 3, target | NestedBench.All);
        if (random.Next(64) == 0) NestedBench.Invalidate(domain);
    }

    private static int Access(NestedBench bench, VtdNestedDomain domain, Random random)
    {
        Endpoint endpoint = bench.NewEndpoint();
        endpoint.Attach(null, domain);
        using DmaPort port = endpoint.OpenPort();
        byte[] data = new byte[64];
        int done = 0;
        for (int i = 0; i < Accesses; i++)
        {
            ulong iova = random.Next(4) == 0
                ? (ulong)random.NextInt64() << random.Next(2)
                : (ulong)random.NextInt64(1L << 47);
            DmaResult result = random.Next(3) == 0 ? port.Write(new Iova(iova), data) : port.Read(new Iova(iova), data);
            Assert.True(result.IsOk ? result.BytesDone == data.Length : result.Reason != FaultReason.None);
            if (result.IsOk) done++;
        }

        return done;
    }
}
