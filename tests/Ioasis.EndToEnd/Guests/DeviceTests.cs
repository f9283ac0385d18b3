namespace Ioasis.EndToEnd.Guests;

/// <summary>Linux's own drivers in a guest, with all that the guest's IOMMU can be.</summary>
[Collection(nameof(GuestBench))]
public sealed class DeviceTests(GuestBench guests)
{
    internal static string[] Functions { get; } = ["nvme@0000:0a:00.0", "ioat@0000:0b:00.0"];

    [Theory]
    [InlineData(nameof(Viommu.None), false)]
    [InlineData(nameof(Viommu.PassThrough), true)]
    [InlineData(nameof(Viommu.Nested), false)]
    public async Task A_disk_holds_files_and_DMA_engines_copy(string viommu, bool sharedRam)
    {
        var guest = new Guest { Viommu = Enum.Parse<Viommu>(viommu), SharedRam = sharedRam, Devices = Functions };
        GuestEnding ending = (await guests.Run(guest, "sh ./disk.sh && sh ./dmatest.sh"))
            .MustSay("disk: all as it must be", "dmatest: all as it must be");
        string[] nested = ["IOMMU_HWPT_ALLOC VTD_S1 ok", "IOMMU_HWPT_INVALIDATE VTD_S1 ok"];
        if (guest.Viommu == Viommu.Nested) ending.MustHaveAsked(nested);
        else Assert.DoesNotContain(ending.Account.Keys, nested.Contains); // the second stage alone
    }
}
