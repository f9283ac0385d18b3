using Ioasis.Abi;
using Ioasis.Core.Dma;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Iommufd.Mapping;
using Ioasis.Iommufd.Objects;
using Ioasis.Linux.Files;
using Ioasis.Linux.Memory;
using Ioasis.Memory;
using Ioasis.Tests.Iommufd;
using static Ioasis.Abi.IommufdH;

namespace Ioasis.Tests.Host;

/// <summary>What a program has mapped of a file, mapped for devices: it is held once, and each mapping is an address.
/// </summary>
[Collection(nameof(Alone))]
public sealed class MappedRunTests : IDisposable
{
    private const ulong Page = 4096, Base = 0x1000_0000, Pages = 64;

    private readonly TestMachine _machine = new();
    private readonly ProcessMemory _program = BackingFiles.OpenOwn();
    private readonly FileDescriptor _file;
    private readonly MappedFile _mapped; // as the program has it
    private readonly Endpoint _endpoint;
    private readonly IommufdDevice _bound;
    private readonly uint _ioas;
    private readonly FileIdentity _identity;
    private bool _isUnmapped;

    public MappedRunTests()
    {
        Assert.Equal(Errno.None, SysFiles.CreateMemfd("program", FcntlH.MFD_CLOEXEC, out _file));
        Assert.Equal(Errno.None, SysFiles.Truncate(_file, Pages * Page));
        Assert.Equal(Errno.None, SysFiles.Stat(_file, out LinuxStat stat));
        _identity = new FileIdentity(stat.Dev, stat.Ino);
        Assert.Equal(Errno.None, MappedFile.TryMap(_file, 0, Pages * Page, writable: true, out MappedFile? mapped));
        _mapped = mapped!;
        _endpoint = _machine.NewEndpoint();
        uint id = _ioas = _machine.NewIoas();
        _bound = _machine.Bind(_endpoint);
        Assert.Equal(Errno.None, _bound.Attach(null, ref id));
    }

    public void Dispose()
    {
        if (!_isUnmapped) _mapped.Dispose();
        _program.Dispose();
        _file.Dispose();
    }

    [Fact]
    public void AMappingTakesLittleMemory()
    {
        const ulong count = 1 << 14;
        for (ulong i = 0; i < 100; i++) Assert.True(TryMap(i, i % Pages)); // the first ones make what all share
        long before = GC.GetTotalMemory(forceFullCollection: true);
        for (ulong i = 100; i < count; i++) Assert.True(TryMap(i, i % Pages));
        double each = (GC.GetTotalMemory(forceFullCollection: true) - before) / (double)(count - 100);
        Assert.True(each < 64, $"{each} bytes for each area");
        Assert.Equal(count, _machine.Program.UserPins.Locked);
        UnmapAll(count * Page);
        Assert.Equal((0UL, 0UL), (_machine.Program.UserPins.Locked, _machine.Program.Pins.Pinned));
        AssertLetGo();
    }

    [Fact]
    public void DevicesUseTheFileAlsoWhenTheProgramHasUnmappedIt()
    {
        for (ulong i = 0; i < Pages; i++) Assert.True(TryMap(i, Pages - 1 - i));
        using DmaPort port = _endpoint.OpenPort();
        Write(port, 3, 0x1234);
        Assert.Equal(0x1234UL, BitConverter.ToUInt64(BackingFiles.InFile(_file, (Pages - 4) * Page, 8)));
        _mapped.Dispose();
        _isUnmapped = true;
        Write(port, 4, 0x5678);
        Assert.Equal(0x5678UL, BitConverter.ToUInt64(BackingFiles.InFile(_file, (Pages - 5) * Page, 8)));
        Assert.Equal(0x1234UL, Read(port, 3));
        Assert.False(TryMap(Pages, 0)); // nothing is there any more
        UnmapAll(Pages * Page);
        Assert.False(port.Read(new Iova(Iova(3)), new byte[8]).IsOk);
        AssertLetGo();
    }

    [Fact]
    public void OneThatIsCopiedIsAnObjectOfTheSamePages()
    {
        for (ulong i = 0; i < 4; i++) Assert.True(TryMap(i, i));
        var copy = new IommuIoasCopy
        {
            Size = TestMachine.Length<IommuIoasCopy>(),
            Flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE,
            SrcIoasId = _ioas,
            DstIoasId = _ioas,
            SrcIova = Iova(2),
            DstIova = Iova(100),
            Length = Page,
        };
        Assert.Equal(Errno.None, _machine.Call(IOMMU_IOAS_COPY, ref copy));
        Assert.Equal(4UL, _machine.Program.UserPins.Locked); // of the same pages
        using DmaPort port = _endpoint.OpenPort();
        Write(port, 2, 0x99);
        for (ulong i = 0; i < 4; i++)
        {
            ulong length = Page;
            Assert.Equal(Errno.None, _machine.Unmap(_ioas, Iova(i), ref length));
        }

        Assert.Equal(0x99UL, Read(port, 100));
        Assert.False(port.Write(new Iova(Iova(100)), new byte[8]).IsOk);
        Assert.Equal(1UL, _machine.Program.UserPins.Locked);
        UnmapAll(Page);
        Assert.Equal((0UL, 0UL), (_machine.Program.UserPins.Locked, _machine.Program.Pins.Pinned));
        AssertLetGo();
    }

    [Fact]
    public void APageThatTheFileLosesIsZerosForTheDeviceAndNewForANewMapping()
    {
        Assert.True(TryMap(0, 5));
        using DmaPort port = _endpoint.OpenPort();
        Write(port, 0, 7);
        Assert.Equal(Errno.None, SysFiles.Truncate(_file, 2 * Page));
        Assert.Equal(0UL, Read(port, 0));
        Write(port, 0, 8); // to nobody
        Assert.False(TryMap(1, 5)); // beyond the file's end
        Assert.Equal(Errno.None, SysFiles.Truncate(_file, Pages * Page));
        Assert.True(TryMap(2, 5));
        Write(port, 2, 9);
        Assert.Equal(9UL, BitConverter.ToUInt64(BackingFiles.InFile(_file, 5 * Page, 8)));
        Assert.Equal(8UL, Read(port, 0));
        UnmapAll(2 * Page);
        AssertLetGo();
    }

    [Fact]
    public void AFileThatIsMappedTwiceIsHeldOnce()
    {
        Assert.Equal(Errno.None, MappedFile.TryMap(_file, Page, 8 * Page, writable: true, out MappedFile? second));
        using (second)
        {
            ulong iova = Iova(1);
            Assert.True(TryMap(0, 3));
            Assert.True(TryMapAt((ulong)second!.Address + (2 * Page), ref iova, MapAccess.ReadWrite)); // the same page
            using DmaPort port = _endpoint.OpenPort();
            Write(port, 0, 0x42);
            Assert.Equal(0x42UL, Read(port, 1));
            Assert.Equal(2UL, _machine.Program.UserPins.Locked);
            UnmapAll(2 * Page);
        }

        AssertLetGo();
    }

    [Fact]
    public void WhatTheProgramMayOnlyReadIsNotMappedForWrites()
    {
        Assert.Equal(Errno.None, MappedFile.TryMap(_file, 0, Page, writable: false, out MappedFile? readable));
        using (readable)
        {
            ulong iova = Iova(0);
            Assert.False(TryMapAt((ulong)readable!.Address, ref iova, MapAccess.ReadWrite));
            Assert.True(TryMapAt((ulong)readable.Address, ref iova, MapAccess.Read));
            using DmaPort port = _endpoint.OpenPort();
            Assert.Equal(0UL, Read(port, 0));
            Assert.False(port.Write(new Iova(Iova(0)), new byte[8]).IsOk);
            UnmapAll(Page);
        }

        Assert.Null(HeldFile.TryHold(_identity, writable: false));
        AssertLetGo();
    }

    /// <summary>All become objects when the last domain goes, and the program must have paid for that.</summary>
    [Fact]
    public void TheObjectThatAMappingMayBecomeIsChargedFor()
    {
        const ulong Count = 1000;
        for (ulong i = 0; i < Count; i++) Assert.True(TryMap(i, i % Pages));
        long before = Granted;
        Assert.True(before >= (long)Count * 400, $"{before} bytes for {Count} mappings");
        _bound.Detach(null);
        Assert.Equal(0UL, _machine.Program.UserPins.Locked);
        Assert.InRange(Granted, (long)Count * 400, before);
        UnmapAll(Count * Page);
    }

    private static ulong Iova(ulong index) => Base + (index * 2 * Page);

    private bool TryMap(ulong index, ulong page)
    {
        ulong iova = Iova(index);
        return TryMapAt((ulong)_mapped.Address + (page * Page), ref iova, MapAccess.ReadWrite);
    }

    private bool TryMapAt(ulong address, ref ulong iova, MapAccess access)
    {
        Assert.Equal(Errno.None, _machine.Context.Objects.TryGet(_ioas, out ObjectTable.Held<IommufdIoas> held));
        using ObjectTable.Held<IommufdIoas> ioas = held;
        return ioas.Value.Table.TryMapPlain(_program, address, Page, PinOwner.Of(_machine.Program, _machine.Context),
            choose: false, access, ref iova);
    }

    private long Granted
    {
        get
        {
            Assert.Equal(Errno.None, _machine.Context.Objects.TryGet(_ioas, out ObjectTable.Held<IommufdIoas> held));
            using ObjectTable.Held<IommufdIoas> ioas = held;
            return ioas.Value.Table.Granted;
        }
    }

    private static void Write(DmaPort port, ulong index, ulong value) =>
        Assert.True(port.Write(new Iova(Iova(index)), BitConverter.GetBytes(value)).IsOk);

    private static ulong Read(DmaPort port, ulong index)
    {
        byte[] bytes = new byte[8];
        Assert.True(port.Read(new Iova(Iova(index)), bytes).IsOk);
        return BitConverter.ToUInt64(bytes);
    }

    private void UnmapAll(ulong expected)
    {
        ulong length = ulong.MaxValue;
        Assert.Equal(Errno.None, _machine.Unmap(_ioas, 0, ref length));
        Assert.Equal(expected, length);
    }

    private void AssertLetGo() => Assert.Null(HeldFile.TryHold(_identity, writable: true));
}
