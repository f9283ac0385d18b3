using Ioasis.Abi;
using Ioasis.Client;
using Ioasis.Conformance.Dma;
using static Ioasis.Abi.IommufdH;

namespace Ioasis.Conformance.Iommufd;

/// <summary>
/// IOMMU_HWPT_ALLOC of nested HWPTs on a VT-d unit, their attaching, and what the objects around them keep alive.
/// </summary>
public sealed class NestedHwptTests : UapiTest
{
    private const uint S1 = IOMMU_HWPT_DATA_VTD_S1;
    private readonly IommuContext _context;
    private readonly Ioas _ioas;
    private readonly VfioDevice _device;
    private readonly Hwpt _parent;

    public NestedHwptTests()
    {
        _context = OpenContext();
        _ioas = _context.AllocateIoas();
        _device = OpenBound(EduNode, _context);
        Assert.SkipUnless(Nesting.IsOf(_context, _device), "The unit has no nested translation.");
        _parent = _context.AllocateHwpt(_device, _ioas, HwptOptions.NestParent);
    }

    [Fact]
    public void Flags_come_first_then_the_parent_then_the_data()
    {
        uint plain = _context.AllocateHwpt(_device, _ioas).Id;
        Succeeds(Allocate(default, out uint nested));
        Fails(Errno.EOPNOTSUPP, Allocate(default, out _, flags: IOMMU_HWPT_ALLOC_NEST_PARENT));
        Fails(Errno.EOPNOTSUPP, Allocate(default, out _, flags: IOMMU_HWPT_ALLOC_DIRTY_TRACKING, parent: plain));
        Fails(Errno.EOPNOTSUPP, Allocate(default, out _, flags: 0x80, parent: plain));
        Fails(Errno.EOPNOTSUPP, Allocate(default, out _, type: IOMMU_HWPT_DATA_NONE, length: 0));
        Fails(Errno.EINVAL, Allocate(default, out _, parent: plain)); // no nest parent
        Fails(Errno.EINVAL, Allocate(default, out _, parent: _device.Attach(_ioas))); // made by attaching
        Fails(Errno.EINVAL, Allocate(default, out _, parent: plain, type: IOMMU_HWPT_DATA_ARM_SMMUV3));
        Fails(Errno.EINVAL, Allocate(default, out _, parent: nested)); // no paging HWPT
        Fails(Errno.EOPNOTSUPP, Allocate(default, out _, type: IOMMU_HWPT_DATA_ARM_SMMUV3));
        Fails(Errno.EOPNOTSUPP, Allocate(default, out _, type: IOMMU_HWPT_DATA_ARM_SMMUV3, length: 1));
        Fails(Errno.EINVAL, Allocate(default, out _, length: 23));
        Fails(Errno.EINVAL, Allocate(default, out _, length: 25));
        Fails(Errno.EFAULT, Allocate(default, out _, at: Nowhere));
        Fails(Errno.ENOENT, Allocate(default, out _, flags: IOMMU_HWPT_FAULT_ID_VALID)); // the queue is looked for last
        Fails(Errno.EINVAL, Allocate(default, out _, flags: IOMMU_HWPT_FAULT_ID_VALID, length: 23));
        Fails(Errno.ENOENT, Allocate(default, out _, device: NoId));
        Succeeds(Allocate(default, out _, flags: IOMMU_HWPT_ALLOC_PASID));
    }

    [Fact]
    public void What_the_data_says_is_looked_at_only_when_something_is_attached()
    {
        foreach (uint width in (uint[])[0, 39, 47, 52, 64])
        {
            Succeeds(Allocate(new IommuHwptVtdS1 { AddrWidth = width }, out uint wrong));
            Fails(Errno.EINVAL, Attach(wrong));
            _context.Destroy(wrong);
        }

        IommuHwInfoVtd registers = _context.DescribeHardware(_device).Vtd!.Value;
        Expect(new IommuHwptVtdS1 { AddrWidth = 57 }, (registers.CapReg >> 60 & 1) != 0); // FS5LP
        // SRS
        Expect(new IommuHwptVtdS1 { AddrWidth = 48, Flags = IOMMU_VTD_S1_SRE }, (registers.EcapReg >> 31 & 1) != 0);
        // EAFS
        Expect(new IommuHwptVtdS1 { AddrWidth = 48, Flags = IOMMU_VTD_S1_EAFE }, (registers.EcapReg >> 34 & 1) != 0);
        Expect(new IommuHwptVtdS1 { AddrWidth = 48, Flags = IOMMU_VTD_S1_WPE }, true);
        Expect(new IommuHwptVtdS1 { AddrWidth = 48, Flags = 1ul << 40, Reserved = 1, PgtblAddr = ulong.MaxValue },
            true);

        void Expect(IommuHwptVtdS1 data, bool good)
        {
            Succeeds(Allocate(data, out uint id));
            Assert.Equal(good ? SysResult.Ok() : Errno.EINVAL, Attach(id));
            if (good) _device.Detach();
            _context.Destroy(id);
        }
    }

    [Fact]
    public void A_refused_attach_leaves_the_device_where_it_was()
    {
        _device.Attach(_parent);
        Succeeds(Allocate(default, out uint wrong));
        Fails(Errno.EINVAL, Attach(wrong));
        Fails(Errno.EBUSY, () => _parent.Destroy());
        _context.Destroy(wrong);
        _device.Detach();
        _parent.Destroy();
    }

    [Fact]
    public void What_is_below_or_behind_a_HWPT_is_EBUSY_as_long_as_it_is_there()
    {
        using FaultQueue faults = _context.AllocateFaultQueue();
        NestedHwpt nested = _context.AllocateNestedHwpt(
            _device, _parent, new IommuHwptVtdS1 { AddrWidth = 48 }, HwptOptions.None, faults);
        Fails(Errno.EBUSY, () => _context.Destroy(_ioas.Id));
        Fails(Errno.EBUSY, () => _parent.Destroy());
        Fails(Errno.EBUSY, () => _context.Destroy(faults.Id));
        nested.Destroy();
        Fails(Errno.EBUSY, () => _context.Destroy(faults.Id)); // its file is open
        faults.Dispose();
        _context.Destroy(faults.Id);
        Fails(Errno.EBUSY, () => _context.Destroy(_ioas.Id));
        _parent.Destroy();
        _ioas.Destroy();
    }

    [Fact]
    public void An_attached_nested_HWPT_is_EBUSY_and_reserves_in_the_IOAS_below()
    {
        NestedHwpt nested = _context.AllocateNestedHwpt(_device, _parent, new IommuHwptVtdS1 { AddrWidth = 48 });
        Assert.Single(_ioas.GetIovaRanges());
        _device.Attach(nested);
        Assert.Equal(2, _ioas.GetIovaRanges().Count); // the interrupt window is the device's
        Fails(Errno.EBUSY, () => nested.Destroy());
        _device.Detach();
        Assert.Single(_ioas.GetIovaRanges());
        nested.Destroy();
    }

    [Fact]
    public void A_nest_parent_takes_nothing_that_devices_may_not_write()
    {
        UserMemory memory = Pages(2);
        Snapshot before = Snapshot.Of(_ioas);
        Fails(Errno.EINVAL, () => _ioas.Map(memory, Read, At(0x100000)));
        Assert.Equal(before, Snapshot.Of(_ioas));
        _ioas.Map(memory, Core.Domains.MapAccess.Write, At(0x100000));

        Ioas readOnly = _context.AllocateIoas();
        readOnly.Map(memory, Read, At(0x100000));
        Fails(Errno.EINVAL, () => _context.AllocateHwpt(_device, readOnly, HwptOptions.NestParent));
        _context.AllocateHwpt(_device, readOnly);
    }

    [Fact]
    public void Dirty_tracking_is_of_the_nest_parent()
    {
        HardwareCapabilities options = _context.DescribeHardware(_device).Capabilities;
        Assert.SkipUnless(options.HasFlag(HardwareCapabilities.DirtyTracking), "The unit records no dirty pages.");
        Hwpt parent = _context.AllocateHwpt(_device, _ioas, HwptOptions.NestParent | HwptOptions.DirtyTracking);
        NestedHwpt nested = _context.AllocateNestedHwpt(_device, parent, new IommuHwptVtdS1 { AddrWidth = 48 });
        var enable = new IommuHwptSetDirtyTracking
        {
            Size = Size<IommuHwptSetDirtyTracking>(),
            Flags = IOMMU_HWPT_DIRTY_TRACKING_ENABLE,
            HwptId = nested.Id
        };
        Fails(Errno.ENOENT, _context.TryIoctl(IOMMU_HWPT_SET_DIRTY_TRACKING, ref enable)); // of paging HWPTs only
        enable.HwptId = parent.Id;
        Succeeds(_context.TryIoctl(IOMMU_HWPT_SET_DIRTY_TRACKING, ref enable));
    }

    [Fact]
    public void A_fault_queue_takes_no_flags_and_needs_memory_to_answer()
    {
        var arguments = new IommuFaultAlloc { Size = Size<IommuFaultAlloc>(), Flags = 1 };
        Fails(Errno.EOPNOTSUPP, _context.TryIoctl(IOMMU_FAULT_QUEUE_ALLOC, ref arguments));
        arguments = new IommuFaultAlloc { Size = Size<IommuFaultAlloc>() - 1 };
        Fails(Errno.EINVAL, _context.TryIoctl(IOMMU_FAULT_QUEUE_ALLOC, ref arguments));
        using FaultQueue faults = _context.AllocateFaultQueue();
        Assert.NotEqual(0u, faults.Id);
        Assert.Empty(faults.Read(TimeSpan.Zero));
        Fails(Errno.EOPNOTSUPP, () => _context.AllocateHwpt(_device, _ioas, HwptOptions.NestParent, faults));
        Fails(Errno.ENOENT, _context.TryIoctl(IOMMU_HWPT_ALLOC, ref Asking(_ioas.Id)));

        ref IommuHwptAlloc Asking(uint queue)
        {
            _asking = new IommuHwptAlloc
            {
                Size = Size<IommuHwptAlloc>(),
                Flags = IOMMU_HWPT_FAULT_ID_VALID,
                DevId = _device.Id,
                PtId = _ioas.Id,
                FaultId = queue
            };
            return ref _asking;
        }
    }

    [Fact]
    public void A_VTd_unit_has_no_virtual_IOMMU()
    {
        // As Linux has it: what the call itself can tell comes first, then the objects it names.
        var viommu = new IommuViommuAlloc
        {
            Size = Size<IommuViommuAlloc>(),
            Type = 1,
            DevId = _device.Id,
            HwptId = _parent.Id
        };
        Fails(Errno.EOPNOTSUPP, _context.TryIoctl(IOMMU_VIOMMU_ALLOC, ref viommu));
        viommu.HwptId = NoId;
        Fails(Errno.EOPNOTSUPP, _context.TryIoctl(IOMMU_VIOMMU_ALLOC, ref viommu));
        viommu.DevId = NoId;
        Fails(Errno.ENOENT, _context.TryIoctl(IOMMU_VIOMMU_ALLOC, ref viommu));
        viommu.Type = IOMMU_VIOMMU_TYPE_DEFAULT;
        Fails(Errno.EOPNOTSUPP, _context.TryIoctl(IOMMU_VIOMMU_ALLOC, ref viommu));

        var vdevice = new IommuVdeviceAlloc
        {
            Size = Size<IommuVdeviceAlloc>(),
            ViommuId = _parent.Id,
            DevId = _device.Id,
            VirtId = 1
        };
        Fails(Errno.ENOENT, _context.TryIoctl(IOMMU_VDEVICE_ALLOC, ref vdevice));
        var events = new IommuVeventqAlloc
        {
            Size = Size<IommuVeventqAlloc>(),
            ViommuId = _parent.Id,
            Type = 1,
            VeventqDepth = 1
        };
        Fails(Errno.ENOENT, _context.TryIoctl(IOMMU_VEVENTQ_ALLOC, ref events));
        events.VeventqDepth = 0;
        Fails(Errno.EINVAL, _context.TryIoctl(IOMMU_VEVENTQ_ALLOC, ref events));
        events.Type = IOMMU_VEVENTQ_TYPE_DEFAULT;
        Fails(Errno.EOPNOTSUPP, _context.TryIoctl(IOMMU_VEVENTQ_ALLOC, ref events));
        var queue = new IommuHwQueueAlloc
        {
            Size = Size<IommuHwQueueAlloc>(),
            ViommuId = _parent.Id,
            Type = 1,
            Length = Page
        };
        Fails(Errno.ENOENT, _context.TryIoctl(IOMMU_HW_QUEUE_ALLOC, ref queue));
        queue.NestingParentIova = ulong.MaxValue;
        Fails(Errno.EOVERFLOW, _context.TryIoctl(IOMMU_HW_QUEUE_ALLOC, ref queue));
        queue.Length = 0;
        Fails(Errno.EINVAL, _context.TryIoctl(IOMMU_HW_QUEUE_ALLOC, ref queue));
        queue.Type = IOMMU_HW_QUEUE_TYPE_DEFAULT;
        Fails(Errno.EOPNOTSUPP, _context.TryIoctl(IOMMU_HW_QUEUE_ALLOC, ref queue));
    }

    private IommuHwptAlloc _asking;

    private SysResult Attach(uint hwpt)
    {
        var arguments = new VfioDeviceAttachIommufdPt { Argsz = Size<VfioDeviceAttachIommufdPt>(), PtId = hwpt };
        return _device.TryIoctl(VfioH.VFIO_DEVICE_ATTACH_IOMMUFD_PT, ref arguments);
    }

    private SysResult Allocate(
        IommuHwptVtdS1 data, out uint hwpt, uint flags = 0, uint? parent = null, uint? device = null, uint type = S1,
        uint length = 24, ulong? at = null)
    {
        UserMemory memory = Pages(1);
        memory.Write(0, data);
        var arguments = new IommuHwptAlloc
        {
            Size = Size<IommuHwptAlloc>(),
            Flags = flags,
            DevId = device ?? _device.Id,
            PtId = parent ?? _parent.Id,
            DataType = type,
            DataLen = length,
            DataUptr = at ?? memory.Address.Value,
            FaultId = NoId,
        };
        SysResult result = _context.TryIoctl(IOMMU_HWPT_ALLOC, ref arguments);
        hwpt = arguments.OutHwptId;
        return result;
    }
}
