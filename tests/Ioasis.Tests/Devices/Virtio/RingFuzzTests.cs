using System.Globalization;
using Ioasis.Memory;
using static Ioasis.Devices.Virtio.VirtioFeatures;

namespace Ioasis.Tests.Devices.Virtio;

/// <summary>Nothing that a driver writes to its rings can throw, hang or loop.</summary>
public sealed class RingFuzzTests(ITestOutputHelper output)
{
    private const int Cases = 250_000;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void MutatedRingsBreakTheDeviceAtWorst(int seed)
    {
        using var fuzz = new RingFuzz(seed);
        int played = 0;
        try
        {
            for (; played < Cases; played++) fuzz.PlayOne();
        }
        finally
        {
            output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"seed {seed}: {played} rings, {fuzz.Chains} chains, {fuzz.Broken} devices broken"));
        }

        Assert.InRange(fuzz.Broken, Cases / 20, Cases); // most mutations are found
        Assert.InRange(fuzz.Chains, Cases / 2, int.MaxValue);
    }

    /// <summary>The driver changes a ring while workers serve it, and stops and resets the device meanwhile.</summary>
    [Theory]
    [InlineData(Version1 | IndirectDescriptors, 5)]
    [InlineData(Version1 | IndirectDescriptors | PackedRing | EventIndex, 6)]
    public void RingsThatChangeWhileTheyAreServedDoNoHarm(ulong features, int seed)
    {
        const int Rounds = 300, Writes = 400;
        using var bench = new VirtioBench(new EchoModel());
        var random = new Random(seed);
        for (int round = 0; round < Rounds; round++)
        {
            DriverRing[] rings = bench.Start(features, size: 16);
            HostBlock memory = bench.Memory;
            for (int i = 0; i < 8; i++)
                foreach (DriverRing ring in rings)
                    ring.Add([new Part(VirtioBench.Data, 8, false), new Part(VirtioBench.Data + 64, 8, true)],
                        indirect: i % 2 == 0);
            for (int i = 0; i < Writes; i++)
            {
                int queue = random.Next(rings.Length);
                ulong start = rings[queue].Start - VirtioBench.Base;
                ulong area = random.Next(4) switch { 0 => 0x4000u, 1 => 0x5000u, 2 => 0x8000u, _ => 0u };
                memory.Write(start + area + (ulong)(random.Next(0x100) & ~1), (ushort)random.Next(1 << 16));
                if (i % 8 == 0) bench.Slot.Kick(queue);
                if (i % 100 == 50) bench.Slot.SetEnabled(queue, random.Next(2) == 0);
            }

            bench.Slot.SetStatus(0); // returns, whatever the workers are at
            Assert.False(bench.Slot.HasFailed);
        }

        DriverRing good = bench.Start(features)[0];
        good.Add([new Part(VirtioBench.Data, 8, false), new Part(VirtioBench.Data + 64, 8, true)]);
        bench.Slot.Kick(0);
        Assert.Equal(8u, good.Await().Written);
    }
}
