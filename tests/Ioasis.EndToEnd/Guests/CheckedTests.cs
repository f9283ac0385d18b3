namespace Ioasis.EndToEnd.Guests;

/// <summary>QEMU and Linux's own drivers make no mistake that <c>run --check</c> finds.</summary>
[Collection(nameof(GuestBench))]
public sealed class CheckedTests(GuestBench guests)
{
    [Theory]
    [InlineData(nameof(Viommu.None))]
    [InlineData(nameof(Viommu.Shadow))]
    [InlineData(nameof(Viommu.Nested))]
    public async Task Nothing_is_found_in_guests_whose_disks_and_DMA_engines_work(string viommu)
    {
        var guest = new Guest
        {
            Viommu = Enum.Parse<Viommu>(viommu),
            Devices = DeviceTests.Functions,
            RunOptions = ["--check"],
        };
        GuestEnding ending = (await guests.Run(guest, "sh ./disk.sh && sh ./dmatest.sh"))
            .MustSay("disk: all as it must be", "dmatest: all as it must be");
        Assert.DoesNotContain("==ERROR: Ioasis", ending.Ending.Error, StringComparison.Ordinal);
    }

    /// <summary>
    /// A guest whose processes' tables change under a device with a cache of its own. The program accesses what the
    /// process has not, on purpose; no invalidation is missing.
    /// </summary>
    [Fact]
    public async Task No_invalidation_is_missing_while_a_device_works_on_pointers_of_the_guests_processes()
    {
        var guest = new Guest
        {
            ViommuOptions = ",device-iotlb=on",
            QemuOptions = ["-cpu", "max,la57=off"],
            RunOptions = ["--check", "--check-exit-code", "0"],
        };
        string error = (await guests.Run(guest, "sh ./sva.sh")).MustSay("guest_sva: all as it must be").Ending.Error;
        Assert.Contains("ERROR: Ioasis: dma-unmapped", error, StringComparison.Ordinal);
        Assert.DoesNotContain("ERROR: Ioasis: stale-", error, StringComparison.Ordinal);
        Assert.DoesNotContain("-in-flight: ", error, StringComparison.Ordinal);
    }
}
