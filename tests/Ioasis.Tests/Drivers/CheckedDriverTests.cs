using System.Globalization;
using Ioasis.Core;
using Ioasis.Core.DmaApi;
using Ioasis.Diagnostics.Check;
using Ioasis.Examples.Nvme;
using Ioasis.Examples.VirtioNet;
using VerifyRun = Ioasis.Examples.VirtioNet.VerifyRun;

namespace Ioasis.Tests.Drivers;

/// <summary>The drivers of the examples are right by the checks of the DMA API, in each home; a wrong one is not.
/// </summary>
public sealed class CheckedDriverTests
{
    public static TheoryData<DriverHome> Homes => [.. Enum.GetValues<DriverHome>()];

    [Theory, MemberData(nameof(Homes))]
    public async Task The_nvme_driver_is_right(DriverHome home)
    {
        using var report = new StringWriter(CultureInfo.InvariantCulture);
        using (var check = new DmaApiCheck(new CheckOptions(), Suppressions.None, () => report))
        {
            string[] devices = home == DriverHome.Mdev
                ? ["nvme-1q", $"nvme@{FunctionRig.Address},size=4M,mdevs=1"]
                : [$"nvme@{FunctionRig.Address},size=4M"];
            using var rig = new FunctionRig(home, check, devices);
            using var disk = new NvmeDisk(rig.Function, new NvmeDiskOptions { Queues = 1, Entries = 8 });
            var bytes = new byte[64 << 10];
            new Random(1).NextBytes(bytes);
            var back = new byte[bytes.Length];
            for (int i = 0; i < 4; i++)
            {
                await disk.WriteAsync(i * bytes.Length, bytes, TestContext.Current.CancellationToken);
                await disk.ReadAsync(i * bytes.Length, back, TestContext.Current.CancellationToken);
                Assert.Equal(bytes, back);
            }
        }

        Assert.True(report.ToString().Length == 0, report.ToString());
    }

    [Theory, MemberData(nameof(VirtioNicTests.Homes), MemberType = typeof(VirtioNicTests))]
    public async Task The_virtio_net_driver_is_right(DriverHome home)
    {
        using var report = new StringWriter(CultureInfo.InvariantCulture);
        using (var check = new DmaApiCheck(new CheckOptions(), Suppressions.None, () => report))
        {
            using var rig = new FunctionRig(home, check, $"virtio-net@{FunctionRig.Address}");
            using var card = new VirtioNic(rig.Function, new VirtioNicOptions { Entries = 64 });
            Assert.Null(await new VerifyRun(card, card, depth: 16, mayLose: false).Run(100));
        }

        Assert.True(report.ToString().Length == 0, report.ToString());
    }

    // Of arrays the runtime decides which of them share a line, so that a check sees it seldom.
    [Theory, MemberData(nameof(VirtioNicTests.Homes), MemberType = typeof(VirtioNicTests))]
    public void What_the_virtio_net_card_writes_has_cache_lines_of_its_own(DriverHome home)
    {
        var mapped = new MappedUses();
        using var rig = new FunctionRig(home, mapped, $"virtio-net@{FunctionRig.Address}");
        using var card = new VirtioNic(rig.Function, new VirtioNicOptions { Entries = 64 });
        DmaUse[] written = [.. mapped.All.Where(u => u.Direction == DmaDirection.FromDevice)];
        Assert.Equal(64, written.Length);
        Assert.All(written, use => Assert.Equal(0ul, use.Memory.Value % 64));
    }

    [Theory, MemberData(nameof(Homes))]
    public void A_wrong_driver_is_found(DriverHome home)
    {
        using var report = new StringWriter(CultureInfo.InvariantCulture);
        var check = new DmaApiCheck(new CheckOptions(), Suppressions.None, () => report);
        using (check)
        {
            string[] devices = home == DriverHome.Mdev
                ? ["nvme-1q", $"nvme@{FunctionRig.Address},size=4M,mdevs=1"]
                : [$"nvme@{FunctionRig.Address},size=4M"];
            using var rig = new FunctionRig(home, check, devices);
            var bytes = new byte[64];
            Assert.Equal(IommuStatus.Ok, rig.Function.Dma.SetMaskAndCoherent(64));
            Assert.Equal(
                IommuStatus.Ok, rig.Function.Dma.Map(bytes.AsMemory(), DmaDirection.ToDevice, out DmaMapping mapping));
            bytes[7] = 1;
            mapping.Dispose();
            Assert.Throws<InvalidOperationException>(mapping.Dispose);
        }

        Assert.Equal(2, check.Found);
        Assert.Contains("ERROR: Ioasis: dma-api-cpu-write: ", report.ToString(), StringComparison.Ordinal);
        Assert.Contains("ERROR: Ioasis: dma-api-unmap-twice: ", report.ToString(), StringComparison.Ordinal);
        Assert.Contains("CheckedDriverTests.cs:", report.ToString(), StringComparison.Ordinal);
    }

    private sealed class MappedUses : DmaObserver
    {
        public List<DmaUse> All { get; } = [];

        public override void OnMap(DmaDevice device, in DmaUse use) => All.Add(use);
    }
}
