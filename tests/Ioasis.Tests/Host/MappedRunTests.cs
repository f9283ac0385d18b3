using Ioasis.Abi;
using Ioasis.Core.Dma;
using Ioasis.Core.Domains;
using Ioasis.Linux.Files;
using Ioasis.Linux.Memory;
using Ioasis.Memory;
using Ioasis.Tests.Iommufd;
using static Ioasis.Tests.Host.MappingProgram;

namespace Ioasis.Tests.Host;

/// <summary>What a program has mapped of a file, mapped for devices: it is held once, and each mapping is an address.
/// </summary>
[Collection(nameof(Alone))]
public sealed class MappedRunTests : IDisposable
{
    private const ulong Pages = 64;

    private readonly MappingProgram _bench = new();
    private readonly FileDescriptor _file;
    private readonly MappedFile _mapped; // as the program has it
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
    }

    public void Dispose()
    {
        if (!_isUnmapped) _mapped.Dispose();
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
    public void DevicesUseTheFileAlsoWhenTheProgramHasUnmappedIt()
    {
        for (ulong i = 0; i < Pages; i++) Assert.True(TryMap(i, Pages - 1 - i));
        using DmaPort port = _bench.OpenPort();
        Write(port, 3, 0x1234);
        Assert.Equal(0x1234UL, BitConverter.ToUInt64(BackingFiles.InFile(_file, (Pages - 4) * Page, 8)));
        _mapped.Dispose();
        _isUnmapped = true;
        Write(port, 4, 0x5678);
        Assert.Equal(0x5678UL, BitConverter.ToUInt64(BackingFiles.InFile(_file, (Pages - 5) * Page, 8)));
        Assert.Equal(0x1234UL, Read(port, 3));
        Assert.False(TryMap(Pages, 0)); // nothing is there any more
        _bench.UnmapAll(Pages * Page);
        Assert.False(port.Read(new Iova(Iova(3)), new byte[8]).IsOk);
        AssertLetGo();
    }

    [Fact]
    public void OneThatIsCopiedIsAnObjectOfTheSamePages()
    {
        for (ulong i = 0; i < 4; i++) Assert.True(TryMap(i, i));
        Assert.Equal(Errno.None, _bench.Machine.Copy(_bench.Ioas, Iova(2), Iova(100), Page));
        Assert.Equal(4UL, _bench.Machine.Program.UserPins.Locked); // of the same pages
        using DmaPort port = _bench.OpenPort();
        Write(port, 2, 0x99);
        for (ulong i = 0; i < 4; i++) _bench.Unmap(i);

        Assert.Equal(0x99UL, Read(port, 100));
        Assert.False(port.Write(new Iova(Iova(100)), new byte[8]).IsOk);
        Assert.Equal(1UL, _bench.Machine.Program.UserPins.Locked);
        _bench.UnmapAll(Page);
        _bench.MustHaveNoPins();
        AssertLetGo();
    }

    [Fact]
    public void APageThatTheFileLosesIsZerosForTheDeviceAndNewForANewMapping()
    {
        _bench.MustLoseAPage(TryMap, length => Assert.Equal(Errno.None, SysFiles.Truncate(_file, length)),
            at => BitConverter.ToUInt64(BackingFiles.InFile(_file, at, 8)), Pages);
        AssertLetGo();
    }

    [Fact]
    public void AFileThatIsMappedTwiceIsHeldOnce()
    {
        Assert.Equal(Errno.None, MappedFile.TryMap(_file, Page, 8 * Page, writable: true, out MappedFile? second));
        using (second)
        {
            Assert.True(TryMap(0, 3));
            Assert.True(_bench.TryMap(1, (ulong)second!.Address + (2 * Page))); // the same page
            using DmaPort port = _bench.OpenPort();
            Write(port, 0, 0x42);
            Assert.Equal(0x42UL, Read(port, 1));
            Assert.Equal(2UL, _bench.Machine.Program.UserPins.Locked);
            _bench.UnmapAll(2 * Page);
        }

        AssertLetGo();
    }

    [Fact]
    public void WhatTheProgramMayOnlyReadIsNotMappedForWrites()
    {
        Assert.Equal(Errno.None, MappedFile.TryMap(_file, 0, Page, writable: false, out MappedFile? readable));
        using (readable)
        {
            Assert.False(_bench.TryMap(0, (ulong)readable!.Address));
            Assert.True(_bench.TryMap(0, (ulong)readable.Address, MapAccess.Read));
            using DmaPort port = _bench.OpenPort();
            Assert.Equal(0UL, Read(port, 0));
            Assert.False(port.Write(new Iova(Iova(0)), new byte[8]).IsOk);
            _bench.UnmapAll(Page);
        }

        Assert.Null(HeldFile.TryHold(_identity, writable: false));
        AssertLetGo();
    }

    [Fact]
    public void TheObjectThatAMappingMayBecomeIsChargedFor() =>
        _bench.MustHavePaidForObjects(i => TryMap(i, i % Pages));

    private bool TryMap(ulong index, ulong page) => _bench.TryMap(index, (ulong)_mapped.Address + (page * Page));

    private void AssertLetGo() => Assert.Null(HeldFile.TryHold(_identity, writable: true));
}
