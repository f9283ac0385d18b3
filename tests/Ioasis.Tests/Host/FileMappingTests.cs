using Ioasis.Abi;
using Ioasis.Core.Dma;
using Ioasis.Core.Domains;
using Ioasis.Core.Observation;
using Ioasis.Linux.Memory;
using Ioasis.Memory;
using Ioasis.Tests.Core;
using Ioasis.Tests.Iommufd;
using static Ioasis.Tests.Host.MappingProgram;

namespace Ioasis.Tests.Host;

/// <summary>A file that is mapped for devices by itself: it is held once, and each mapping is an offset.</summary>
[Collection(nameof(Alone))]
public sealed class FileMappingTests : IDisposable
{
    private const ulong Pages = 64;

    private readonly MappingProgram _bench = new();
    private readonly MemfdFile _file = new(Pages * Page);

    public void Dispose()
    {
        _bench.Dispose();
        _file.Dispose();
    }

    [Fact]
    public void AMappingTakesLittleMemory()
    {
        _bench.MustTakeLittle(i => TryMap(i, i % Pages));
        AssertLetGo();
    }

    [Fact]
    public void DevicesUseTheBytesAtTheOffsetAlsoWhenTheProgramHasClosedTheFile()
    {
        for (ulong i = 0; i < Pages; i++) Assert.True(TryMap(i, Pages - 1 - i));
        using DmaPort port = _bench.OpenPort();
        for (ulong i = 0; i < Pages; i++) Write(port, i, 0x1000 + i);
        for (ulong page = 0; page < Pages; page++) Assert.Equal(0x1000 + (Pages - 1 - page), _file.At(page * Page));
        _file.Dispose();
        Write(port, 4, 0x5678);
        Assert.Equal(0x5678UL, Read(port, 4));
        _bench.Unmap(3);
        Assert.False(port.Read(new Iova(Iova(3)), new byte[8]).IsOk);
        _bench.UnmapAll((Pages - 1) * Page);
        Assert.False(port.Read(new Iova(Iova(4)), new byte[8]).IsOk);
        AssertLetGo();
    }

    [Fact]
    public void OneThatIsCopiedIsAnObjectOfTheSamePages()
    {
        Assert.True(_bench.TryMapFile(0, _file, Page, length: 4 * Page));
        Assert.Equal(Errno.None, _bench.Machine.Copy(_bench.Ioas, Iova(0) + Page, Iova(100), Page));
        Assert.Equal(4UL, _bench.Machine.Program.UserPins.Locked); // of the same pages
        using DmaPort port = _bench.OpenPort();
        Assert.True(port.Write(new Iova(Iova(0) + Page), BitConverter.GetBytes(0x99UL)).IsOk);
        Assert.Equal(0x99UL, _file.At(2 * Page));
        _bench.Unmap(0, 4 * Page);
        Assert.Equal(0x99UL, Read(port, 100));
        Assert.Equal(1UL, _bench.Machine.Program.UserPins.Locked);
        _bench.UnmapAll(Page);
        _bench.MustHaveNoPins();
        AssertLetGo();
    }

    [Fact]
    public void APageThatTheFileLosesIsZerosForTheDeviceAndNewForANewMapping()
    {
        _bench.MustLoseAPage(TryMap, _file.Truncate, _file.At, Pages);
        AssertLetGo();
    }

    [Fact]
    public void WhatIsMappedForReadsIsNotWritten()
    {
        Assert.True(_bench.TryMapFile(0, _file, 0, MapAccess.Read));
        using DmaPort port = _bench.OpenPort();
        Assert.Equal(0UL, Read(port, 0));
        Assert.False(port.Write(new Iova(Iova(0)), new byte[8]).IsOk);
        Assert.Null(HeldFile.TryHold(_file.Identity, writable: true));
        _bench.UnmapAll(Page);
        Assert.Null(HeldFile.TryHold(_file.Identity, writable: false));
    }

    [Theory]
    [InlineData(Pages, Page)] // begins at the file's end
    [InlineData(Pages - 1, 2 * Page)] // ends behind it
    [InlineData(0, Page - 1)]
    [InlineData(0, 0)]
    [InlineData(ulong.MaxValue / Page, Page)]
    public void WhatCannotBeMappedSoIsLeftToTheMapThatReportsTheError(ulong page, ulong length)
    {
        Assert.False(_bench.TryMapFile(0, _file, page * Page, length: length));
        _bench.MustHaveNoPins();
        AssertLetGo();
    }

    [Fact]
    public void WhatIsMappedAlreadyStays()
    {
        Assert.True(TryMap(0, 1));
        Assert.False(TryMap(0, 2));
        using DmaPort port = _bench.OpenPort();
        Write(port, 0, 1);
        Assert.Equal(1UL, _file.At(Page));
        _bench.UnmapAll(Page);
        _bench.MustHaveNoPins();
        AssertLetGo();
    }

    [Fact]
    public void WithoutADomainNothingIsHeld()
    {
        _bench.Detach();
        Assert.False(TryMap(0, 0));
        AssertLetGo();
    }

    [Fact]
    public void ObserversSeeAFile()
    {
        var seen = new EventRecorder(EventKinds.Map);
        _bench.Machine.Unit.Observers.Add(seen);
        Assert.True(TryMap(0, 3));
        MappedMemory memory = Assert.Single(seen.Of<MapEvent>()).Memory;
        Assert.True(memory is { IsFile: true, Address: 3 * Page });
        _bench.UnmapAll(Page);
    }

    [Fact]
    public void TheObjectThatAMappingMayBecomeIsChargedFor() =>
        _bench.MustHavePaidForObjects(i => TryMap(i, i % Pages));

    private bool TryMap(ulong index, ulong page) => _bench.TryMapFile(index, _file, page * Page);

    private void AssertLetGo() => Assert.Null(HeldFile.TryHold(_file.Identity, writable: true));
}
