using Ioasis.Abi;
using Ioasis.Iommufd.Files;
using Ioasis.Iommufd.Objects;
using Ioasis.Memory;
using Ioasis.Tests.Host;
using static Ioasis.Abi.IommufdH;

namespace Ioasis.Tests.Iommufd;

/// <summary>Who is charged for pinned pages, and when that is refused.</summary>
public sealed class AccountingTests : IDisposable
{
    private const ulong Page = 4096, Base = 0x100000;
    private const int CapIpcLock = 14, CapSysResource = 24;

    private readonly TestMachine _machine = new();
    private readonly MemfdFile _file = new(16 * Page);
    private HostBlock? _block;

    private TestCaller Program => _machine.Program;

    private HostBlock Block => _block ??= Program.Own.Allocate(16 * Page);

    public void Dispose() => _file.Dispose();

    [Fact]
    public void PagesAreChargedToTheUserWhenADeviceHasThem()
    {
        uint ioas = _machine.NewIoas();
        Assert.Equal(Errno.None, Map(ioas, Base, 0, 3 * Page));
        Assert.Equal(0UL, Program.UserPins.Locked);
        IommufdDevice device = Attach(ioas);
        Assert.Equal((3UL, 0UL, 3UL), (Program.UserPins.Locked, Program.Pins.Locked, Program.Pins.Pinned));
        device.Detach(null);
        Assert.Equal((0UL, 0UL), (Program.UserPins.Locked, Program.Pins.Pinned));
    }

    [Fact]
    public void BeyondTheLimitIsRefusedAndChangesNothing()
    {
        uint ioas = _machine.NewIoas();
        Attach(ioas);
        Program.TestPins.Limit = (4 * Page) + 100;
        Assert.Equal(Errno.ENOMEM, Map(ioas, Base, 0, 5 * Page));
        Assert.Equal(Errno.None, Map(ioas, Base, 0, 4 * Page));
        Assert.Equal(Errno.ENOMEM, Map(ioas, Base + (8 * Page), 0, Page));
        Assert.Equal(4UL, Program.UserPins.Locked);
        Program.TestPins.Limit = 5 * Page; // as it is when it is asked for
        Assert.Equal(Errno.None, Map(ioas, Base + (8 * Page), 0, Page));
        Program.TestPins.Limit = 0; // what is there stays
        ulong length = 4 * Page;
        Assert.Equal(Errno.None, _machine.Unmap(ioas, Base, ref length));
        Assert.Equal(1UL, Program.UserPins.Locked);
        Assert.Equal(Errno.EEXIST, Map(ioas, Base + (8 * Page), 0, Page));
    }

    [Fact]
    public void ADeviceThatWouldPinTooMuchIsNotAttached()
    {
        uint ioas = _machine.NewIoas();
        Assert.Equal(Errno.None, Map(ioas, Base, 0, Page));
        Assert.Equal(Errno.None, Map(ioas, Base + (4 * Page), 0, 3 * Page));
        Program.TestPins.Limit = 3 * Page;
        uint id = ioas;
        IommufdDevice device = _machine.Bind();
        Assert.Equal(Errno.ENOMEM, device.Attach(null, ref id));
        Assert.Equal((0UL, 0UL), (Program.UserPins.Locked, Program.Pins.Pinned));
        Program.TestPins.Limit = 4 * Page;
        Assert.Equal(Errno.None, device.Attach(null, ref id));
    }

    [Fact]
    public void MemoryThatIsNotThereIsToldBeforeTheLimit()
    {
        uint ioas = _machine.NewIoas();
        Attach(ioas);
        Program.TestPins.Limit = 0;
        Assert.Equal(Errno.EFAULT, _machine.Map(ioas, Base, 0x1000, Page));
        Assert.Equal(Errno.ENOMEM, Map(ioas, Base, 0, Page));
    }

    [Fact]
    public void WhoeverMayLockMemoryIsNotCharged()
    {
        Program.Capabilities.Add(CapIpcLock);
        uint ioas = _machine.NewIoas();
        Attach(ioas);
        Program.TestPins.Limit = 0;
        Assert.Equal(Errno.None, Map(ioas, Base, 0, 4 * Page));
        Program.Capabilities.Clear(); // what counts is what it could when it mapped
        Assert.Equal((0UL, 4UL), (Program.UserPins.Locked, Program.Pins.Pinned));
        Assert.Equal(Errno.ENOMEM, Map(ioas, Base + (8 * Page), 0, Page));
        ulong length = 4 * Page;
        Assert.Equal(Errno.None, _machine.Unmap(ioas, Base, ref length));
        Assert.Equal(0UL, Program.Pins.Pinned);
    }

    [Fact]
    public void InTheOtherModeTheProcessIsCharged()
    {
        SetMode();
        uint ioas = _machine.NewIoas();
        Attach(ioas);
        Program.TestPins.Limit = 4 * Page;
        Assert.Equal(Errno.None, Map(ioas, Base, 0, 4 * Page));
        Assert.Equal((0UL, 4UL, 4UL), (Program.UserPins.Locked, Program.Pins.Locked, Program.Pins.Pinned));
        Assert.Equal(Errno.ENOMEM, Map(ioas, Base + (8 * Page), 0, Page));

        // Another process of the same user has a limit of its own.
        var other = new TestCaller { UserPins = Program.UserPins, TestPins = new TestPins { Limit = Page } };
        ulong address = (ulong)other.Own.Allocate(Page).Address;
        Assert.Equal(Errno.None, MapAs(other, ioas, Base + (8 * Page), address, Page));
        Assert.Equal((4UL, 1UL), (Program.Pins.Locked, other.Pins.Locked));
    }

    [Fact]
    public void TheUserIsOneForAllItsProcesses()
    {
        uint ioas = _machine.NewIoas();
        Attach(ioas);
        Assert.Equal(Errno.None, Map(ioas, Base, 0, 4 * Page));
        var other = new TestCaller { UserPins = Program.UserPins, TestPins = new TestPins { Limit = 4 * Page } };
        ulong address = (ulong)other.Own.Allocate(Page).Address;
        Assert.Equal(Errno.ENOMEM, MapAs(other, ioas, Base + (8 * Page), address, Page));
        other.TestPins.Limit = 5 * Page;
        Assert.Equal(Errno.None, MapAs(other, ioas, Base + (8 * Page), address, Page));
        Assert.Equal((5UL, 1UL), (Program.UserPins.Locked, other.Pins.Pinned));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)] // without an object, until then
    public void AFileChangesHandsWithItsCharge(bool isHeld)
    {
        uint ioas = _machine.NewIoas();
        Attach(ioas);
        AddFile(isHeld);
        Assert.Equal(Errno.None, MapFile(Program, ioas, Base, 0, 4 * Page));
        Assert.Equal(Errno.None, MapFile(Program, ioas, Base + (16 * Page), Page, 2 * Page));
        Assert.Equal(6UL, Program.UserPins.Locked);

        var next = new TestCaller { TestPins = new TestPins { Limit = 5 * Page } };
        Assert.Equal(Errno.ENOMEM, ChangeProcess(next));
        Assert.Equal((6UL, 0UL, 0UL), (Program.UserPins.Locked, next.UserPins.Locked, next.Pins.Pinned));
        next.TestPins.Limit = 6 * Page;
        Assert.Equal(Errno.None, ChangeProcess(next));
        Assert.Equal((0UL, 0UL), (Program.UserPins.Locked, Program.Pins.Pinned));
        Assert.Equal((6UL, 6UL), (next.UserPins.Locked, next.Pins.Pinned));
        next.TestPins.Limit = 0;
        Assert.Equal(Errno.None, ChangeProcess(next)); // it is the owner already
        ulong length = 4 * Page;
        Assert.Equal(Errno.None, _machine.Unmap(ioas, Base, ref length));
        Assert.Equal((2UL, 2UL), (next.UserPins.Locked, next.Pins.Pinned));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)] // without an object, until then
    public void TheLimitOfTheNewOwnerIsThatOfTheModeItIsChargedIn(bool isHeld)
    {
        SetMode();
        uint ioas = _machine.NewIoas();
        Attach(ioas);
        AddFile(isHeld);
        Assert.Equal(Errno.None, MapFile(Program, ioas, Base, 0, 4 * Page));
        Program.Capabilities.Add(CapIpcLock);
        // charged to nobody, whoever has it
        Assert.Equal(Errno.None, MapFile(Program, ioas, Base + (16 * Page), 0, 4 * Page));
        var next = new TestCaller { UserPins = Program.UserPins, TestPins = new TestPins { Limit = 4 * Page } };
        Assert.Equal(Errno.None, ChangeProcess(next));
        Assert.Equal((0UL, 0UL, 4UL, 8UL),
            (Program.Pins.Locked, Program.Pins.Pinned, next.Pins.Locked, next.Pins.Pinned));
    }

    [Fact]
    public void WhatIsMappedByPointerDoesNotChangeHands()
    {
        uint ioas = _machine.NewIoas();
        Assert.Equal(Errno.None, Map(ioas, Base, 0, Page));
        Assert.Equal(Errno.EINVAL, ChangeProcess(new TestCaller()));
    }

    [Fact]
    public void NothingIsChargedToAProcessThatIsGone()
    {
        SetMode();
        uint ioas = _machine.NewIoas();
        AddFile();
        Assert.Equal(Errno.None, MapFile(Program, ioas, Base, 0, Page));
        Program.TestPins.Ended = true;
        uint id = ioas;
        Assert.Equal(Errno.EINVAL, _machine.Bind().Attach(null, ref id));
    }

    private Errno Map(uint ioas, ulong iova, ulong offset, ulong length) =>
        _machine.Map(ioas, iova, (ulong)Block.Address + offset, length);

    private Errno MapAs(TestCaller caller, uint ioas, ulong iova, ulong address, ulong length)
    {
        var args = new IommuIoasMap
        {
            Size = TestMachine.Length<IommuIoasMap>(),
            Flags = IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_FIXED_IOVA,
            IoasId = ioas,
            UserVa = address,
            Length = length,
            Iova = iova,
        };
        return caller.Call(_machine.Context, IOMMU_IOAS_MAP, ref args);
    }

    private Errno MapFile(TestCaller caller, uint ioas, ulong iova, ulong start, ulong length)
    {
        var args = new IommuIoasMapFile
        {
            Size = TestMachine.Length<IommuIoasMapFile>(),
            Flags = IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_FIXED_IOVA,
            IoasId = ioas,
            Fd = 7,
            Start = start,
            Length = length,
            Iova = iova,
        };
        return caller.Call(_machine.Context, IOMMU_IOAS_MAP_FILE, ref args);
    }

    private Errno ChangeProcess(TestCaller next)
    {
        var args = new IommuIoasChangeProcess { Size = TestMachine.Length<IommuIoasChangeProcess>() };
        return next.Call(_machine.Context, IOMMU_IOAS_CHANGE_PROCESS, ref args);
    }

    private void SetMode()
    {
        Program.Capabilities.Add(CapSysResource);
        var args = new IommuOption
        {
            Size = TestMachine.Length<IommuOption>(),
            OptionId = IOMMU_OPTION_RLIMIT_MODE,
            Op = (ushort)IOMMU_OPTION_OP_SET,
            Val64 = 1
        };
        Assert.Equal(Errno.None, _machine.Call(IOMMU_OPTION, ref args));
        Program.Capabilities.Clear();
    }

    private void AddFile(bool isHeld = false) =>
        Program.Files[7] = isHeld ? (IMemoryFile)_file : new BlockFile(Block);

    private IommufdDevice Attach(uint ioas)
    {
        IommufdDevice device = _machine.Bind();
        Assert.Equal(Errno.None, device.Attach(null, ref ioas));
        return device;
    }

    private sealed class BlockFile(HostBlock block) : IMemoryFile
    {
        public Errno Reference(ulong start, ulong length, bool writable, out MemoryBacking? backing)
        {
            backing = new Bytes(block, start, length, writable);
            return Errno.None;
        }

        private sealed class Bytes(HostBlock block, ulong start, ulong length, bool writable)
            : MemoryBacking(length, writable, start)
        {
            public override bool IsFile => true;

            public override nint DirectAddress => block.Address + (nint)AlignmentHint;

            public override bool TryPopulate(ulong offset, ulong length) =>
                AlignmentHint + offset + length <= block.Length;

            public override bool TryRead(ulong offset, Span<byte> destination) => false;

            public override bool TryWrite(ulong offset, ReadOnlySpan<byte> source) => false;
        }
    }
}
