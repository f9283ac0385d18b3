using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Iommufd.Objects;
using Ioasis.Memory;
using static Ioasis.Abi.IommufdH;

namespace Ioasis.Tests.Iommufd;

/// <summary>Tests that measure the whole process, and run when no other does.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;

/// <summary>What is charged for an object is not less than what it takes of our memory.</summary>
[Collection(nameof(Alone))]
public sealed class MemoryCostTests
{
    private const ulong Page = 4096;
    private readonly TestMachine _machine = new();
    private readonly List<string> _tooLittle = [];

    [Fact]
    public void WhatIsChargedIsWhatIsTaken()
    {
        _machine.Program.TestPins.Memory.Limit = long.MaxValue;
        IommufdDevice device = _machine.Bind();
        uint ioas = _machine.NewIoas(), mapped = _machine.NewIoas(), attached = _machine.NewIoas(), id = attached;
        Assert.Equal(Errno.None, device.Attach(null, ref id));
        ulong memory = (ulong)_machine.Program.Own.Allocate(Page).Address;
        uint parent = NewHwpt(device, new IommuHwptAlloc { PtId = ioas, Flags = IOMMU_HWPT_ALLOC_NEST_PARENT });
        HostBlock config = _machine.Program.Own.Allocate(Page);
        config.CopyFrom(0, MemoryMarshal.AsBytes([new IommuHwptVtdS1 { AddrWidth = 48 }]));
        ulong iova = 0;
        Check(() => _machine.NewIoas());
        Check(() => NewHwpt(device, new IommuHwptAlloc { PtId = ioas }));
        Check(() => NewHwpt(device, new IommuHwptAlloc
        {
            PtId = parent,
            DataType = IOMMU_HWPT_DATA_VTD_S1,
            DataLen = TestMachine.Length<IommuHwptVtdS1>(),
            DataUptr = (ulong)config.Address,
        }));
        Check(() =>
        {
            var args = new IommuFaultAlloc { Size = TestMachine.Length<IommuFaultAlloc>() };
            Assert.Equal(Errno.None, _machine.Call(IOMMU_FAULT_QUEUE_ALLOC, ref args));
        });
        Check(() => Assert.Equal(Errno.None, _machine.Map(mapped, iova += Page, memory, Page)));
        Check(() => Assert.Equal(Errno.None, _machine.Map(attached, iova += 2 * Page, memory, Page)));
        Check(() => Assert.Equal(Errno.None, _machine.Map(attached, iova += 1UL << 30, memory, Page)));
        Assert.Empty(_tooLittle);
    }

    private void Check(Action make, [CallerArgumentExpression(nameof(make))] string what = "")
    {
        const int some = 2000;
        long charged = _machine.Program.TestPins.Memory.Held, taken = GC.GetTotalMemory(forceFullCollection: true);
        for (int i = 0; i < some; i++) make();
        taken = (GC.GetTotalMemory(forceFullCollection: true) - taken) / some;
        charged = (_machine.Program.TestPins.Memory.Held - charged) / some;
        if (taken > charged) _tooLittle.Add($"{taken} bytes are taken, {charged} charged: {what}");
    }

    private uint NewHwpt(IommufdDevice device, IommuHwptAlloc args)
    {
        args.Size = TestMachine.Length<IommuHwptAlloc>();
        args.DevId = device.Id;
        Assert.Equal(Errno.None, _machine.Call(IOMMU_HWPT_ALLOC, ref args));
        return args.OutHwptId;
    }
}
