namespace Ioasis.EndToEnd.Guests;

/// <summary>A guest's own VFIO and /dev/iommu: its page tables are the first stage of our walk.</summary>
[Collection(nameof(GuestBench))]
public sealed class OwnIommuTests(GuestBench guests)
{
    private static readonly string[] s_nested =
    [
        "IOMMU_HWPT_ALLOC NEST_PARENT ok", "IOMMU_HWPT_ALLOC VTD_S1 ok", "IOMMU_HWPT_INVALIDATE VTD_S1 ok",
        "VFIO_DEVICE_ATTACH_IOMMUFD_PT ok",
    ];

    [Fact]
    public async Task Client_programs_find_everything_as_on_the_host() =>
        (await guests.Run(new Guest(),
            $"sh ./clients.sh {Guest.Bdf} dmatest_mmio dmatest_pio dmatest_msix in_flight map_file fork_fds"))
            .MustSay("dmatest by mmap: all as it must be", "dmatest by pread/pwrite: all as it must be",
                "dmatest's interrupts: all as they must be",
                "in_flight: all as it must be", "map_file: all as it must be", "fork_fds: all as it must be")
            .MustHaveAsked(s_nested)
            .MustHaveAsked("IOMMU_IOAS_MAP ok", "VFIO_DEVICE_SET_IRQS ok", "VFIO_DEVICE_RESET ok");

    [Fact]
    public async Task PASIDs_have_address_spaces_of_their_own() =>
        (await guests.Run(new Guest { SharedRam = true, ByDescriptor = true }, $"sh ./clients.sh {Guest.Bdf} pasids"))
            .MustSay("pasids: all as it must be")
            .MustHaveAsked(s_nested)
            .MustHaveAsked("IOMMU_IOAS_MAP_FILE ok", "VFIO_DEVICE_ATTACH_IOMMUFD_PT PASID ok",
                "VFIO_DEVICE_DETACH_IOMMUFD_PT PASID ok");

    /// <summary>
    /// Linux binds processes behind an IOMMU with device TLBs only; QEMU 11.1 offers no page requests for such
    /// functions. It has no five-level tables either, which a processor must not have then.
    /// </summary>
    [Fact]
    public async Task The_device_works_on_pointers_of_the_guests_processes() =>
        (await guests.Run(new Guest { ViommuOptions = ",device-iotlb=on", QemuOptions = ["-cpu", "max,la57=off"] },
            "sh ./sva.sh"))
            .MustSay("SVA without coherent walks: refused", "pointers of every kind: ok",
                "what the process has not: ok", "two processes: ok",
                "killed while the device works: ok", "guest_sva: all as it must be")
            .MustHaveAsked("IOMMU_HWPT_ALLOC VTD_S1 ok", "IOMMU_HWPT_INVALIDATE VTD_S1 ok",
                "VFIO_DEVICE_ATTACH_IOMMUFD_PT PASID ok");
}
