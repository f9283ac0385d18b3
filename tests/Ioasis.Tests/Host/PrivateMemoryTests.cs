using Ioasis.Abi;
using Ioasis.Core.Dma;
using Ioasis.Core.Domains;
using Ioasis.Linux.Memory;
using Ioasis.Memory;
using Ioasis.Tests.Iommufd;
using static Ioasis.Tests.Host.MappingProgram;

namespace Ioasis.Tests.Host;

/// <summary>Private memory of a program, mapped for devices: each mapping is an address.</summary>
[Collection(nameof(Alone))]
public sealed class PrivateMemoryTests : IDisposable
{
    private const ulong Pages = 64;

    private readonly MappingProgram _bench = new();
    private readonly HostBlock _block = new(Pages * Page); // as the program has it

    public void Dispose()
    {
        _bench.Dispose();
        _block.Dispose();
    }

    [Fact]
    public void AMappingTakesLittleMemory() => _bench.MustTakeLittle(i => TryMap(i, i % Pages));

    [Fact]
    public void DevicesUseTheMemoryOfEachMappingAndNoOther()
    {
        for (ulong i = 0; i < Pages; i++) Assert.True(TryMap(i, Pages - 1 - i));
        using DmaPort port = _bench.OpenPort();
        for (ulong i = 0; i < Pages; i++) Write(port, i, 0x1000 + i);
        for (ulong page = 0; page < Pages; page++)
            Assert.Equal(0x1000 + (Pages - 1 - page), _block.Read<ulong>(page * Page));
        _bench.Unmap(3);
        Assert.False(port.Read(new Iova(Iova(3)), new byte[8]).IsOk);
        Assert.Equal(0x1004UL, Read(port, 4));
        _bench.UnmapAll((Pages - 1) * Page);
        Assert.False(port.Read(new Iova(Iova(4)), new byte[8]).IsOk);
    }

    [Fact]
    public void WhatIsMappedForReadsIsNotWritten()
    {
        Assert.True(_bench.TryMap(0, (ulong)_block.Address, MapAccess.Read));
        using DmaPort port = _bench.OpenPort();
        _block.Write(0, 7UL);
        Assert.Equal(7UL, Read(port, 0));
        Assert.False(port.Write(new Iova(Iova(0)), new byte[8]).IsOk);
        _bench.UnmapAll(Page);
    }

    [Fact]
    public void OneThatIsCopiedIsAnObjectOfTheSamePages()
    {
        Assert.True(_bench.TryMap(0, (ulong)_block.Address, length: 4 * Page));
        using DmaPort port = _bench.OpenPort();
        Assert.Equal(Errno.None, _bench.Machine.Copy(_bench.Ioas, Iova(0) + Page, Iova(100), Page));
        Assert.Equal(4UL, _bench.Machine.Program.UserPins.Locked); // of the same pages
        Assert.True(port.Write(new Iova(Iova(0) + Page), BitConverter.GetBytes(0x99UL)).IsOk);
        _bench.Unmap(0, 4 * Page);
        Assert.Equal(0x99UL, Read(port, 100));
        Assert.False(port.Write(new Iova(Iova(100)), new byte[8]).IsOk);
        Assert.Equal(1UL, _bench.Machine.Program.UserPins.Locked);
        _bench.UnmapAll(Page);
        _bench.MustHaveNoPins();
    }

    /// <summary>An entry has room for the numbers of a few programs; the mappings of others have objects.</summary>
    [Fact]
    public void ManyProgramsCanMapInOneAddressSpace()
    {
        const int Programs = 10;
        ProcessMemory[] programs = [.. Enumerable.Range(0, Programs).Select(_ => BackingFiles.OpenOwn())];
        using DmaPort port = _bench.OpenPort();
        for (int round = 0; round < 2; round++)
        {
            for (int i = 0; i < Programs; i++)
            {
                ulong address = (ulong)_block.Address + ((ulong)i * Page);
                Assert.True(_bench.TryMap((ulong)i, address, memory: programs[(i + (5 * round)) % Programs]));
                Write(port, (ulong)i, (ulong)(1 + i + round));
                Assert.Equal((ulong)(1 + i + round), _block.Read<ulong>((ulong)i * Page));
            }

            _bench.UnmapAll(Programs * Page);
        }

        foreach (ProcessMemory program in programs) program.Dispose();
    }

    [Fact]
    public void WhereNothingIsNothingIsMapped()
    {
        Assert.False(_bench.TryMap(0, 0x1000));
        Assert.False(_bench.TryMap(0, ulong.MaxValue & ~(Page - 1)));
    }

    [Fact]
    public void TheObjectThatAMappingMayBecomeIsChargedFor() =>
        _bench.MustHavePaidForObjects(i => TryMap(i, i % Pages));

    private bool TryMap(ulong index, ulong page) => _bench.TryMap(index, (ulong)_block.Address + (page * Page));
}
