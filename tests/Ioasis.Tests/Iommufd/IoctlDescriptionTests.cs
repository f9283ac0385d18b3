using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Iommufd.Objects;
using Ioasis.Memory;
using static Ioasis.Abi.IommufdH;

namespace Ioasis.Tests.Iommufd;

/// <summary>What an account says of an ioctl: kinds of data go by the names that the unit has for them.</summary>
public sealed class IoctlDescriptionTests
{
    private readonly TestMachine _machine = new();

    [Fact]
    public void TheUnitNamesItsKindsOfData()
    {
        IommufdDevice device = _machine.Bind();
        var hwpt = new IommuHwptAlloc { Size = TestMachine.Length<IommuHwptAlloc>(), DevId = device.Id };
        Assert.Equal("IOMMU_HWPT_ALLOC", Describe(IOMMU_HWPT_ALLOC, hwpt));
        hwpt.Flags = IOMMU_HWPT_ALLOC_NEST_PARENT;
        Assert.Equal("IOMMU_HWPT_ALLOC NEST_PARENT", Describe(IOMMU_HWPT_ALLOC, hwpt));
        hwpt.DataType = IOMMU_HWPT_DATA_VTD_S1;
        Assert.Equal("IOMMU_HWPT_ALLOC VTD_S1", Describe(IOMMU_HWPT_ALLOC, hwpt));
        hwpt.DataType = IOMMU_HWPT_DATA_ARM_SMMUV3; // another kind of unit's
        Assert.Equal("IOMMU_HWPT_ALLOC", Describe(IOMMU_HWPT_ALLOC, hwpt));

        uint ioas = _machine.NewIoas();
        Assert.Equal(Errno.None, device.Attach(null, ref ioas)); // gets the number of a page table
        var invalidate = new IommuHwptInvalidate
        {
            Size = TestMachine.Length<IommuHwptInvalidate>(),
            HwptId = ioas,
            DataType = IOMMU_HWPT_INVALIDATE_DATA_VTD_S1,
        };
        Assert.Equal("IOMMU_HWPT_INVALIDATE VTD_S1", Describe(IOMMU_HWPT_INVALIDATE, invalidate));
        invalidate.HwptId = 77;
        // nobody knows of which unit
        Assert.Equal("IOMMU_HWPT_INVALIDATE", Describe(IOMMU_HWPT_INVALIDATE, invalidate));
    }

    private string Describe<T>(uint command, T arguments) where T : unmanaged
    {
        HostBlock block = _machine.Program.Own.Allocate(4096);
        block.CopyFrom(0, MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in arguments)));
        return _machine.Context.Describe(_machine.Program, command, (ulong)block.Address);
    }
}
