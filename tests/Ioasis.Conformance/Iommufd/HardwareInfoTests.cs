using Ioasis.Abi;
using Ioasis.Client;

namespace Ioasis.Conformance.Iommufd;

/// <summary>IOMMU_GET_HW_INFO of an Intel VT-d unit.</summary>
public sealed class HardwareInfoTests : UapiTest
{
    private const uint Vtd = IommufdH.IOMMU_HW_INFO_TYPE_INTEL_VTD;
    private readonly IommuContext _context;
    private readonly VfioDevice _device;

    public HardwareInfoTests()
    {
        _context = OpenContext();
        _device = OpenBound(EduNode, _context);
    }

    [Fact]
    public void The_unit_is_a_VTd_whose_registers_tell_of_what_it_does()
    {
        HardwareDescription hardware = _context.DescribeHardware(_device);
        Assert.Equal(Vtd, hardware.Type);
        Assert.Equal((int)Size<IommuHwInfoVtd>(), hardware.Data.Length);
        IommuHwInfoVtd registers = hardware.Vtd!.Value;
        // QEMU then leaves its ROMs out of a nest parent
        Assert.Equal(IommufdH.IOMMU_HW_INFO_VTD_ERRATA_772415_SPR17, registers.Flags);
        Assert.Equal(0u, registers.Reserved);
        Assert.NotEqual(0ul, registers.CapReg >> 8 & 0x1f); // SAGAW: some page-table depth of stage 2 (VT-d 11.4.2)
        int width = (int)(registers.CapReg >> 16 & 0x3f) + 1; // MGAW
        _context.AllocateHwpt(_device, _context.AllocateIoas());
        Ioas ioas = _context.AllocateIoas();
        _device.Attach(ioas);
        Assert.True(ioas.GetIovaRanges()[^1].Last <= ulong.MaxValue >> (64 - width), "no IOVA is beyond MGAW");
        Assert.Equal(0, hardware.MaxPasidLog2); // edu has no PASID capability
        Assert.NotEqual(HardwareCapabilities.None, hardware.Capabilities & HardwareCapabilities.NoAts);
    }

    [Fact]
    public void The_data_is_cut_to_the_buffer_and_a_longer_buffer_is_zeroed()
    {
        UserMemory buffer = Pages(1);
        Succeeds(Ask(buffer.Address.Value, 64, out IommuHwInfo answer));
        Assert.Equal(24u, answer.DataLen);
        byte[] whole = buffer.ToArray(0, 24);
        foreach (int length in (int[])[0, 1, 8, 23, 24, 25, 100])
        {
            buffer.CopyFrom(0, Enumerable.Repeat((byte)0xaa, 128).ToArray());
            Succeeds(Ask(buffer.Address.Value, (uint)length, out answer));
            Assert.Equal(24u, answer.DataLen);
            Assert.Equal(Vtd, answer.OutDataType);
            byte[] expected = [.. whole.Take(length), .. new byte[Math.Max(0, length - 24)],
                .. Enumerable.Repeat((byte)0xaa, 128 - length)];
            Assert.Equal(expected, buffer.ToArray(0, 128));
        }

        Succeeds(Ask(Nowhere, 0, out answer));
        Assert.Equal(24u, answer.DataLen);
    }

    [Fact]
    public void The_type_can_be_asked_for()
    {
        Succeeds(Ask(Nowhere, 0, out _, IommufdH.IOMMU_HW_INFO_FLAG_INPUT_TYPE, IommufdH.IOMMU_HW_INFO_TYPE_DEFAULT));
        Succeeds(Ask(Nowhere, 0, out IommuHwInfo answer, IommufdH.IOMMU_HW_INFO_FLAG_INPUT_TYPE, Vtd));
        Assert.Equal(Vtd, answer.OutDataType);
        Fails(Errno.EOPNOTSUPP, Ask(Nowhere, 0, out _, IommufdH.IOMMU_HW_INFO_FLAG_INPUT_TYPE,
                IommufdH.IOMMU_HW_INFO_TYPE_ARM_SMMUV3));
        Succeeds(Ask(Nowhere, 0, out _, 0, IommufdH.IOMMU_HW_INFO_TYPE_ARM_SMMUV3)); // not asked for without the flag
    }

    [Fact]
    public void Bad_requests_are_refused()
    {
        UserMemory buffer = Pages(1);
        Fails(Errno.EFAULT, Ask(Nowhere, 24, out _));
        Fails(Errno.EFAULT, Ask(buffer.Address.Value + Page - 8, 24, out _));
        Fails(Errno.EFAULT, Ask(buffer.Address.Value + Page - 24, 32, out _)); // the bytes to zero
        Fails(Errno.EOPNOTSUPP, Ask(buffer.Address.Value, 24, out _, flags: 2));
        Fails(Errno.EOPNOTSUPP, Ask(buffer.Address.Value, 24, out _, reserved: 1));
        Fails(Errno.ENOENT, Ask(buffer.Address.Value, 24, out _, device: NoId));
        Fails(Errno.ENOENT, Ask(buffer.Address.Value, 24, out _, device: _context.AllocateIoas().Id));
    }

    private SysResult Ask(
        ulong buffer, uint length, out IommuHwInfo answer, uint flags = 0, uint type = 0, uint? device = null,
        byte reserved = 0)
    {
        answer = new IommuHwInfo
        {
            Size = Size<IommuHwInfo>(),
            Flags = flags,
            DevId = device ?? _device.Id,
            DataLen = length,
            DataUptr = buffer,
            InDataType = type,
        };
        answer.Reserved[2] = reserved;
        return _context.TryIoctl(IommufdH.IOMMU_GET_HW_INFO, ref answer);
    }
}
