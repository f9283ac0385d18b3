using Ioasis.Abi;
using Ioasis.Core.Dma;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Iommufd.Mapping;
using Ioasis.Iommufd.Objects;
using Ioasis.Linux.Memory;
using Ioasis.Memory;
using Ioasis.Tests.Iommufd;
using static Ioasis.Abi.IommufdH;

namespace Ioasis.Tests.Host;

/// <summary>Private memory of a program, mapped for devices: each mapping is an address.</summary>
[Collection(nameof(Alone))]
public sealed class PrivateMemoryTests : IDisposable
{
    private const ulong Page = 4096, Base = 0x1000_0000, Pages = 64;

    private readonly TestMachine _machine = new();
    private readonly ProcessMemory _program = BackingFiles.OpenOwn();
    private readonly HostBlock _block = new(Pages * Page); // as the program has it
    private readonly Endpoint _endpoint;
    private readonly IommufdDevice _bound;
    private readonly uint _ioas;

    public PrivateMemoryTests()
    {
        _endpoint = _machine.NewEndpoint();
        uint id = _ioas = _machine.NewIoas();
        _bound = _machine.Bind(_endpoint);
        Assert.Equal(Errno.None, _bound.Attach(null, ref id));
    }

    public void Dispose()
    {
        _program.Dispose();
        _block.Dispose();
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
    }

    [Fact]
    public void DevicesUseTheMemoryOfEachMappingAndNoOther()
    {
        for (ulong i = 0; i < Pages; i++) Assert.True(TryMap(i, Pages - 1 - i));
        using DmaPort port = _endpoint.OpenPort();
        for (ulong i = 0; i < Pages; i++) Write(port, i, 0x1000 + i);
        for (ulong page = 0; page < Pages; page++)
            Assert.Equal(0x1000 + (Pages - 1 - page), _block.Read<ulong>(page * Page));
        ulong length = Page;
        Assert.Equal(Errno.None, _machine.Unmap(_ioas, Iova(3), ref length));
        Assert.False(port.Read(new Iova(Iova(3)), new byte[8]).IsOk);
        Assert.Equal(0x1004UL, Read(port, 4));
        UnmapAll((Pages - 1) * Page);
        Assert.False(port.Read(new Iova(Iova(4)), new byte[8]).IsOk);
    }

    [Fact]
    public void WhatIsMappedForReadsIsNotWritten()
    {
        ulong iova = Iova(0);
        Assert.True(TryMapAt(_program, (ulong)_block.Address, Page, ref iova, MapAccess.Read));
        using DmaPort port = _endpoint.OpenPort();
        _block.Write(0, 7UL);
        Assert.Equal(7UL, Read(port, 0));
        Assert.False(port.Write(new Iova(iova), new byte[8]).IsOk);
        UnmapAll(Page);
    }

    [Fact]
    public void OneThatIsCopiedIsAnObjectOfTheSamePages()
    {
        ulong iova = Iova(0);
        Assert.True(TryMapAt(_program, (ulong)_block.Address, 4 * Page, ref iova, MapAccess.ReadWrite));
        using DmaPort port = _endpoint.OpenPort();
        var copy = new IommuIoasCopy
        {
            Size = TestMachine.Length<IommuIoasCopy>(),
            Flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE,
            SrcIoasId = _ioas,
            DstIoasId = _ioas,
            SrcIova = iova + Page,
            DstIova = Iova(100),
            Length = Page,
        };
        Assert.Equal(Errno.None, _machine.Call(IOMMU_IOAS_COPY, ref copy));
        Assert.Equal(4UL, _machine.Program.UserPins.Locked); // of the same pages
        Assert.True(port.Write(new Iova(iova + Page), BitConverter.GetBytes(0x99UL)).IsOk);
        ulong length = 4 * Page;
        Assert.Equal(Errno.None, _machine.Unmap(_ioas, iova, ref length));
        Assert.Equal(0x99UL, Read(port, 100));
        Assert.False(port.Write(new Iova(Iova(100)), new byte[8]).IsOk);
        Assert.Equal(1UL, _machine.Program.UserPins.Locked);
        UnmapAll(Page);
        Assert.Equal((0UL, 0UL), (_machine.Program.UserPins.Locked, _machine.Program.Pins.Pinned));
    }

    /// <summary>An entry has room for the numbers of a few programs; the mappings of others have objects.</summary>
    [Fact]
    public void ManyProgramsCanMapInOneAddressSpace()
    {
        const int Programs = 10;
        ProcessMemory[] programs = [.. Enumerable.Range(0, Programs).Select(_ => BackingFiles.OpenOwn())];
        using DmaPort port = _endpoint.OpenPort();
        for (int round = 0; round < 2; round++)
        {
            for (int i = 0; i < Programs; i++)
            {
                ulong iova = Iova((ulong)i);
                ulong address = (ulong)_block.Address + ((ulong)i * Page);
                Assert.True(TryMapAt(programs[(i + (5 * round)) % Programs], address, Page, ref iova,
                    MapAccess.ReadWrite));
                Write(port, (ulong)i, (ulong)(1 + i + round));
                Assert.Equal((ulong)(1 + i + round), _block.Read<ulong>((ulong)i * Page));
            }

            UnmapAll(Programs * Page);
        }

        foreach (ProcessMemory program in programs) program.Dispose();
    }

    [Fact]
    public void WhereNothingIsNothingIsMapped()
    {
        ulong iova = Iova(0);
        Assert.False(TryMapAt(_program, 0x1000, Page, ref iova, MapAccess.ReadWrite)); // nothing is there
        Assert.False(TryMapAt(_program, ulong.MaxValue & ~(Page - 1), Page, ref iova, MapAccess.ReadWrite));
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
        return TryMapAt(_program, (ulong)_block.Address + (page * Page), Page, ref iova, MapAccess.ReadWrite);
    }

    private bool TryMapAt(ProcessMemory program, ulong address, ulong length, ref ulong iova, MapAccess access)
    {
        Assert.Equal(Errno.None, _machine.Context.Objects.TryGet(_ioas, out ObjectTable.Held<IommufdIoas> held));
        using ObjectTable.Held<IommufdIoas> ioas = held;
        return ioas.Value.Table.TryMapPlain(program, address, length, PinOwner.Of(_machine.Program, _machine.Context),
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
}
