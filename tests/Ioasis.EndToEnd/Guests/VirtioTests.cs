namespace Ioasis.EndToEnd.Guests;

/// <summary>Our virtio functions passed through to a guest by VFIO; Linux's stock virtio drivers drive them.</summary>
[Collection(nameof(GuestBench))]
public sealed class VirtioTests(GuestBench guests)
{
    private static readonly string[] s_functions =
    [
        "virtio-blk@0000:0a:00.0,size=64M", "virtio-net@0000:0b:00.0,mac=52:54:00:00:00:01,link=hub:h",
        "virtio-net@0000:0c:00.0,mac=52:54:00:00:00:02,link=hub:h",
    ];

    [Theory]
    [InlineData(nameof(Viommu.None))]
    [InlineData(nameof(Viommu.Nested))]
    public async Task Virtio_functions_work_behind_the_guests_own_IOMMU(string viommu)
    {
        var guest = new Guest { Viommu = Enum.Parse<Viommu>(viommu), Devices = s_functions };
        GuestEnding ending = (await guests.Run(guest, "sh ./virtio_disk.sh && sh ./net_pair.sh"))
            .MustSay("virtio_disk: all as it must be", "net_pair: all as it must be");
        if (guest.Viommu == Viommu.Nested)
            ending.MustHaveAsked("IOMMU_HWPT_ALLOC VTD_S1 ok", "IOMMU_HWPT_INVALIDATE VTD_S1 ok");
    }
}
