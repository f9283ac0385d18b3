using Ioasis.Abi;
using Ioasis.Iommufd.Files;

namespace Ioasis.Tests.Vfio;

/// <summary>What an account of the calls says of an ioctl.</summary>
public sealed class DescriptionTests : IDisposable
{
    private readonly VfioBench _bench = new();

    public void Dispose() => _bench.Dispose();

    [Fact]
    public void Ioctls_have_the_names_of_the_headers()
    {
        Assert.Equal("IOMMU_IOAS_MAP", Describe(_bench.Context, IommufdH.IOMMU_IOAS_MAP, new IommuIoasMap()));
        Assert.Equal("VFIO_IOMMU_MAP_DMA",
            Describe(_bench.Context, VfioH.VFIO_IOMMU_MAP_DMA, new VfioIommuType1DmaMap()));
        Assert.Equal("VFIO_DEVICE_RESET", Describe(_bench.File, VfioH.VFIO_DEVICE_RESET, 0));
        Assert.Equal("0x3bff", Describe(_bench.Context, 0x3bff, 0));
        Assert.Equal("0x3bff", Describe(_bench.File, 0x3bff, 0));
    }

    [Fact]
    public void Page_tables_and_PASIDs_are_told_apart()
    {
        const uint Number = IommufdH.IOMMU_HWPT_ALLOC;
        var alloc = new IommuHwptAlloc { Size = 48 };
        Assert.Equal("IOMMU_HWPT_ALLOC", Describe(_bench.Context, Number, alloc));
        Assert.Equal("IOMMU_HWPT_ALLOC NEST_PARENT",
            Describe(_bench.Context, Number, alloc with { Flags = IommufdH.IOMMU_HWPT_ALLOC_NEST_PARENT }));
        Assert.Equal("IOMMU_HWPT_ALLOC PageTable 7", // the unit of the device has a name for it
            Describe(_bench.Context, Number, alloc with { DevId = 1, DataType = 7 }));
        Assert.Equal("IOMMU_HWPT_ALLOC", Describe(_bench.Context, Number, alloc with { DevId = 1, DataType = 8 }));
        Assert.Equal("IOMMU_HWPT_ALLOC", Describe(_bench.Context, Number, alloc with { DevId = 9, DataType = 7 }));
        var attach = new VfioDeviceAttachIommufdPt { Argsz = 16 };
        Assert.Equal("VFIO_DEVICE_ATTACH_IOMMUFD_PT",
            Describe(_bench.File, VfioH.VFIO_DEVICE_ATTACH_IOMMUFD_PT, attach));
        Assert.Equal("VFIO_DEVICE_ATTACH_IOMMUFD_PT PASID",
            Describe(_bench.File, VfioH.VFIO_DEVICE_ATTACH_IOMMUFD_PT,
                attach with { Flags = VfioH.VFIO_DEVICE_ATTACH_PASID }));
    }

    [Fact]
    public void A_structure_that_cannot_be_read_is_no_reason_to_fail()
    {
        Assert.Equal("IOMMU_HWPT_ALLOC",
            _bench.Context.Describe(_bench.Caller, IommufdH.IOMMU_HWPT_ALLOC, FakeCaller.BadAddress));
        Assert.Equal("VFIO_DEVICE_ATTACH_IOMMUFD_PT",
            _bench.File.Describe(_bench.Caller, VfioH.VFIO_DEVICE_ATTACH_IOMMUFD_PT, FakeCaller.BadAddress));
    }

    private string Describe<T>(NodeFile file, uint command, T argument) where T : unmanaged
    {
        _bench.Caller.Put(_bench.Caller.Scratch, argument);
        return file.Describe(_bench.Caller, command, _bench.Caller.Scratch);
    }
}
