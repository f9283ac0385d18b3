using System.Runtime.InteropServices;
using Ioasis.Abi;
using static Ioasis.Abi.IommufdH;
using static Ioasis.Abi.VfioH;
using static Ioasis.Tests.Faults.FaultyProgram;

namespace Ioasis.Tests.Faults;

/// <summary>
/// Invariant 5: whatever can fail on behalf of a program is made to fail in turn, in all that a program does from open
/// to close. The call says so, nothing was changed, the same call then succeeds, and at the end everything is given
/// back.
/// </summary>
public sealed class FailNthTests
{
    private const string Nested = "nested HWPTs";
    private const uint ReadWrite = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE;

    /// <summary>What a failure within a step may do.</summary>
    public enum Failure
    {
        /// <summary>The call fails, and nothing was changed.</summary>
        ChangesNothing,

        /// <summary>The call fails, but what it was to do is done: only its answer is lost, as on Linux.</summary>
        LosesTheAnswer,

        /// <summary>The call succeeds, as on Linux.</summary>
        IsNotTold,
    }

    private static readonly Dictionary<string, Errno[]> s_errnos = new()
    {
        ["copy from the program"] = [Errno.EFAULT],
        ["copy to the program"] = [Errno.EFAULT],
        ["populate"] = [Errno.EFAULT],
        ["look a descriptor up"] = [Errno.EBADF],
        ["fetch a file"] = [Errno.ENOMEM],
        ["place a descriptor"] = [Errno.EMFILE],
        ["make a page table"] = [Errno.ENOMEM],
        ["attach"] = [Errno.ENOMEM],
        ["have a thread"] = [Errno.ENOMEM],
    };

    public static TheoryData<string> Flows => [.. s_flows.Keys];

    [Theory]
    [MemberData(nameof(Flows))]
    public void WhateverFailsIsToldAndChangesNothing(string name)
    {
        int failures = 0;
        for (int n = 0; ; n++)
        {
            Assert.InRange(n, 0, 1000);
            using var program = new FaultyProgram(vtd: name == Nested);
            program.Faulty.Plan = FaultPlan.Nth(n);
            Run(program, n, s_flows[name]);
            bool failed = program.Plan.Failed is not null;
            program.End();
            if (!failed) break;
            failures++;
        }

        Assert.True(failures > 3, $"only {failures} things could fail");
    }

    private static void Run(FaultyProgram program, int n, IEnumerable<Step> steps)
    {
        foreach (Step step in steps)
        {
            bool failedBefore = program.Plan.Failed is not null;
            string before = program.State;
            SysResult result = step.Do(program);
            string where = $"{step.Name}, point {n}: {program.Plan.Failed}";
            if (failedBefore || program.Plan.Failed is not { } point)
            {
                Assert.True(result.IsOk, $"{where}: {result.Errno}");
                continue;
            }

            if (step.Failure == Failure.IsNotTold)
            {
                if (result.IsOk) continue;
            }
            else
            {
                Assert.False(result.IsOk, $"{where}: succeeded");
            }

            Assert.True(s_errnos[point].Contains(result.Errno), $"{where}: {result.Errno}");
            string after = program.State;
            if (before == after) Assert.True(step.Do(program) is { IsOk: true }, $"{where}: not when asked again");
            else
                Assert.True(step.Failure == Failure.LosesTheAnswer && point == "copy to the program",
                $"{where} changed something:\n{Differing(before, after)}");
        }
    }

    private static string Differing(string before, string after)
    {
        string[] was = before.Split('\n'), now = after.Split('\n');
        int at = 0;
        while (at < was.Length && at < now.Length && was[at] == now[at]) at++;
        return $"{string.Join('\n', was.Skip(at - 12).Take(24))}\n-- "
            + $"now --\n{string.Join('\n', now.Skip(at).Take(12))}";
    }

    private sealed record Step(
        string Name, Func<FaultyProgram, SysResult> Do, Failure Failure = Failure.ChangesNothing);

    private static readonly Step s_open = new("open", p => p.Open(ContextFd));

    private static Step IoasAlloc =>
        new("IOAS_ALLOC", p => p.Call(ContextFd, IOMMU_IOAS_ALLOC, default(IommuIoasAlloc)));

    private static Step Map(uint ioas, ulong iova, ulong page, uint flags = ReadWrite) =>
        new("IOAS_MAP", p => p.Call(ContextFd, IOMMU_IOAS_MAP, new IommuIoasMap
        {
            Flags = flags,
            IoasId = ioas,
            UserVa = (ulong)p.Block.Address + (page * Page),
            Length = 2 * Page,
            Iova = iova,
        }));

    private static Step MapFile(uint ioas, ulong iova) =>
        new("IOAS_MAP_FILE", p => p.Call(ContextFd, IOMMU_IOAS_MAP_FILE, new IommuIoasMapFile
        {
            Flags = ReadWrite,
            IoasId = ioas,
            Fd = FileFd,
            Start = Page,
            Length = 3 * Page,
            Iova = iova,
        }));

    private static Step Copy(uint from, uint to, ulong iova) =>
        new("IOAS_COPY", p => p.Call(ContextFd, IOMMU_IOAS_COPY, new IommuIoasCopy
        {
            Flags = ReadWrite,
            SrcIoasId = from,
            DstIoasId = to,
            SrcIova = iova,
            DstIova = iova + 0x10_0000,
            Length = 2 * Page,
        }));

    private static Step Unmap(uint ioas) => new(
        "IOAS_UNMAP", p => p.Call(ContextFd, IOMMU_IOAS_UNMAP,
            new IommuIoasUnmap { IoasId = ioas, Length = ulong.MaxValue }), Failure.LosesTheAnswer);

    private static Step Destroy(uint id) =>
        new("DESTROY", p => p.Call(ContextFd, IOMMU_DESTROY, new IommuDestroy { Id = id }));

    private static Step Hwpt(uint device, uint parent, uint flags, uint faults = 0) => new("HWPT_ALLOC", p => p.Call(
        ContextFd, IOMMU_HWPT_ALLOC,
        new IommuHwptAlloc { Flags = flags, DevId = device, PtId = parent, FaultId = faults }));

    private static Step FirstStage(uint device, uint parent, uint flags, uint faults = 0) =>
        new("HWPT_ALLOC of a first stage", p => p.Call(
        ContextFd, IOMMU_HWPT_ALLOC, new IommuHwptAlloc
        {
            Flags = flags,
            DevId = device,
            PtId = parent,
            FaultId = faults,
            DataType = IOMMU_HWPT_DATA_VTD_S1,
            DataLen = 24,
            DataUptr = p.Put(new IommuHwptVtdS1 { PgtblAddr = 0x10000, AddrWidth = 48 }),
        }));

    /// <summary>
    /// A descriptor cannot be taken back from a program: the queue stays when which it is cannot be told.
    /// </summary>
    private static Step FaultQueue => new(
        "FAULT_QUEUE_ALLOC", p =>
            p.Call(ContextFd, IOMMU_FAULT_QUEUE_ALLOC, default(IommuFaultAlloc)), Failure.LosesTheAnswer);

    private static Step OpenDevice(int device) =>
        new("open a device", p => p.Open(20 + device, p.Devices[device].Device));

    private static Step Bind(int device) => new(
        "BIND_IOMMUFD", p => p.Call(
            20 + device, VFIO_DEVICE_BIND_IOMMUFD, new VfioDeviceBindIommufd { Argsz = 16, Iommufd = ContextFd }));

    private static Step Attach(int device, uint target, uint pasid = 0) => new("ATTACH_IOMMUFD_PT", p => p.Call(
        20 + device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, new VfioDeviceAttachIommufdPt
        {
            Flags =
            pasid == 0 ? 0 : VFIO_DEVICE_ATTACH_PASID,
            Pasid = pasid,
            PtId = target
        }));

    /// <summary>Linux detaches a device whose new page table it cannot tell (docs/uapi.md, 6).</summary>
    private static Step Replace(int device, uint target, uint pasid = 0) =>
        Attach(device, target, pasid) with { Failure = Failure.LosesTheAnswer };

    private static Step Detach(int device, uint pasid = 0) => new("DETACH_IOMMUFD_PT", p => p.Call(
        20 + device, VFIO_DEVICE_DETACH_IOMMUFD_PT,
        new VfioDeviceDetachIommufdPt { Flags = pasid == 0 ? 0 : VFIO_DEVICE_ATTACH_PASID, Pasid = pasid }));

    private static Step SetIrqs(uint flags, uint index, uint count, params int[] descriptors) =>
        new("SET_IRQS", p => p.Call(
        20, VFIO_DEVICE_SET_IRQS, new VfioIrqSet { Flags = flags, Index = index, Count = count },
        MemoryMarshal.AsBytes(descriptors.AsSpan())));

    private static Step Device<T>(string name, uint command, T args = default) where T : unmanaged =>
        new(name, p => p.Call(20, command, args));

    private static Step Close(int descriptor) => new("close", p =>
    {
        if (p.HasFile(descriptor)) p.Close(descriptor);
        return SysResult.Ok();
    });

    private static readonly Dictionary<string, Step[]> s_flows = new()
    {
        ["map"] =
        [
            s_open, IoasAlloc, IoasAlloc, Map(1, 0x10000, 0), Map(1, 0, 2, ReadWrite & ~IOMMU_IOAS_MAP_FIXED_IOVA),
            MapFile(1, 0x80000), Copy(1, 2, 0x10000),
            new("IOVA_RANGES", p => p.Call(ContextFd, IOMMU_IOAS_IOVA_RANGES,
                    new IommuIoasIovaRanges { IoasId = 1, NumIovas = 4, AllowedIovas = p.Argument + 256 })),
            new("ALLOW_IOVAS", p => p.Call(ContextFd, IOMMU_IOAS_ALLOW_IOVAS, new IommuIoasAllowIovas { IoasId = 2,
                    NumIovas = 1, AllowedIovas = p.Put(new IommuIovaRange { Start = Page, Last = 0xffff_ffff }) })),
            new("OPTION", p => p.Call(ContextFd, IOMMU_OPTION,
                    new IommuOption { OptionId = IOMMU_OPTION_HUGE_PAGES, Op = IOMMU_OPTION_OP_GET, ObjectId = 1 })),
            Unmap(1), Unmap(2), Destroy(1), Destroy(2),
        ],
        ["attach"] =
        [
            s_open, IoasAlloc, IoasAlloc, Map(1, 0x10000, 0), MapFile(1, 0x80000), Map(2, 0x10000, 4), OpenDevice(0),
            Bind(0), OpenDevice(1), Bind(1),
            Attach(0, 1), Attach(1, 1), Map(1, 0x20000, 6), Replace(0, 2), Replace(0, 2), Copy(1, 2, 0x10000),
            Detach(0), Detach(1), Close(21), Close(20), Unmap(1),
        ],
        ["HWPTs"] =
        [
            s_open, IoasAlloc, Map(1, 0x10000, 0), OpenDevice(0), Bind(0), Hwpt(2, 1, 0),
            Hwpt(2, 1, IOMMU_HWPT_ALLOC_DIRTY_TRACKING), Hwpt(2, 1, IOMMU_HWPT_ALLOC_PASID),
            Hwpt(2, 1, IOMMU_HWPT_ALLOC_PASID | IOMMU_HWPT_ALLOC_DIRTY_TRACKING), Attach(0, 5), Attach(0, 5, pasid: 7),
            Attach(0, 6, pasid: 8), Replace(0, 6, pasid: 7),
            Detach(0, pasid: 7), Detach(0, pasid: 8), Replace(0, 4),
            new("SET_DIRTY_TRACKING", p => p.Call(ContextFd, IOMMU_HWPT_SET_DIRTY_TRACKING,
                    new IommuHwptSetDirtyTracking { HwptId = 4, Flags = 1 })),
            new("GET_DIRTY_BITMAP", p => p.Call(ContextFd, IOMMU_HWPT_GET_DIRTY_BITMAP, new IommuHwptGetDirtyBitmap
            {
                HwptId = 4,
                Iova = 0x10000,
                Length = 2 * Page,
                PageSize = Page,
                Data = p.Argument + 512,
            }), Failure.IsNotTold),
            new("GET_HW_INFO", p => p.Call(ContextFd, IOMMU_GET_HW_INFO,
                    new IommuHwInfo { DevId = 2, DataLen = 16, DataUptr = p.Argument + 512 })),
            Detach(0), Destroy(3), Destroy(5), Close(20),
        ],
        ["queues"] =
        [
            s_open, IoasAlloc, Map(1, 0x10000, 0), FaultQueue, OpenDevice(0), Bind(0),
            Hwpt(3, 1, IOMMU_HWPT_FAULT_ID_VALID, faults: 2), Attach(0, 4), Detach(0), Destroy(4),
            Close(20),
        ],
        [Nested] =
        [
            s_open, IoasAlloc, Map(1, 0x10000, 0), FaultQueue, OpenDevice(0), Bind(0),
            Hwpt(3, 1, IOMMU_HWPT_ALLOC_NEST_PARENT), FirstStage(3, 4, 0),
            FirstStage(3, 4, IOMMU_HWPT_FAULT_ID_VALID, faults: 2), Attach(0, 5), Replace(0, 6),
            new("HWPT_INVALIDATE", p => p.Call(ContextFd, IOMMU_HWPT_INVALIDATE, new IommuHwptInvalidate
            {
                HwptId = 6,
                DataUptr = p.Put(new IommuHwptVtdS1Invalidate { Npages = ulong.MaxValue }),
                DataType = IOMMU_HWPT_INVALIDATE_DATA_VTD_S1,
                EntryLen = 24,
                EntryNum = 1,
            })),
            Replace(0, 4), Detach(0), Destroy(5), Destroy(6), Destroy(4), Close(20),
        ],
        ["VFIO"] =
        [
            s_open, OpenDevice(0), Bind(0), Device<VfioDeviceInfo>("GET_INFO", VFIO_DEVICE_GET_INFO),
            Device<VfioRegionInfo>("GET_REGION_INFO", VFIO_DEVICE_GET_REGION_INFO),
            Device("GET_IRQ_INFO", VFIO_DEVICE_GET_IRQ_INFO, new VfioIrqInfo { Index = VFIO_PCI_MSIX_IRQ_INDEX }),
            SetIrqs(VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER, VFIO_PCI_MSIX_IRQ_INDEX, 3, FirstEventFd,
                FirstEventFd + 1, FirstEventFd + 2),
            SetIrqs(VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER, VFIO_PCI_MSIX_IRQ_INDEX, 0),
            SetIrqs(VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER, VFIO_PCI_MSI_IRQ_INDEX, 1, FirstEventFd),
            SetIrqs(VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER, VFIO_PCI_REQ_IRQ_INDEX, 1,
                FirstEventFd + 1),
            Device("IOEVENTFD", VFIO_DEVICE_IOEVENTFD,
                new VfioDeviceIoeventfd { Flags = 4, Offset = 9UL << 40, Data = 1, Fd = FirstEventFd }),
            new("pread", p => p.File(20).Read(p, 9UL << 40, p.Argument, 64)),
                new("pwrite", p => p.File(20).Write(p, (9UL << 40) + 0x10, p.Argument, 4)),
            new("pread of config", p => p.File(20).Read(p, 7UL << 40, p.Argument, 64)),
                new("pwrite of config", p => p.File(20).Write(p, (7UL << 40) + 0x3c, p.Argument, 1)),
            new("mmap", p => p.File(20).Map(
                9UL << 40, Page, shared: true, readable: true, writable: true, executable: false)),
            new("RESET", p => p.File(20).Ioctl(p, VFIO_DEVICE_RESET, 0)), Close(20),
        ],
        ["groups and a container"] =
        [
            s_open, new("open a group", p => p.Open(25, p.Groups[0])),
            new("GET_STATUS", p => p.Call(25, VFIO_GROUP_GET_STATUS, default(VfioGroupStatus))),
            new("SET_CONTAINER", p => p.CallRaw(25, VFIO_GROUP_SET_CONTAINER, [ContextFd, 0, 0, 0])),
            new("VFIO_IOAS", p => p.Call(ContextFd, IOMMU_VFIO_IOAS, default(IommuVfioIoas))),
            new("MAP_DMA", p => p.Call(ContextFd, VFIO_IOMMU_MAP_DMA, new VfioIommuType1DmaMap { Flags = 3,
                    Vaddr = (ulong)p.Block.Address, Iova = 0x10000, Size = 4 * Page })),
            new("GET_DEVICE_FD", p => p.CallText(25, VFIO_GROUP_GET_DEVICE_FD, "0000:00:03.0")),
            new("MAP_DMA", p => p.Call(ContextFd, VFIO_IOMMU_MAP_DMA, new VfioIommuType1DmaMap { Flags = 3,
                    Vaddr = (ulong)p.Block.Address, Iova = 0x80000, Size = 4 * Page })),
            new("GET_INFO", p => p.Call(ContextFd, VFIO_IOMMU_GET_INFO, new VfioIommuType1Info { Argsz = 256 })),
            new("UNMAP_DMA", p => p.Call(ContextFd, VFIO_IOMMU_UNMAP_DMA,
                    new VfioIommuType1DmaUnmap { Iova = 0x10000, Size = 4 * Page }), Failure.LosesTheAnswer),
            Close(HandedFd), new("UNSET_CONTAINER", p => p.File(25).Ioctl(p, VFIO_GROUP_UNSET_CONTAINER, 0)), Close(25),
        ],
    };
}
