using Ioasis.Abi;
using Ioasis.Linux.Files;
using Ioasis.Linux.Memory;
using Ioasis.Memory;
using static Ioasis.Tests.Host.BackingFiles;

namespace Ioasis.Tests.Host;

/// <summary>Two addresses have the same location if, and only if, they reach the same byte.</summary>
public sealed class LocationTests
{
    private const ulong Page = 4096;

    [Fact]
    public void SharedMemoryIsTheFilesByWhateverAddress()
    {
        using FileDescriptor file = MakeMemfd(4 * Page);
        using MappedFile first = Map(file, 0, 4 * Page), second = Map(file, Page, Page);
        using ProcessMemory memory = OpenOwn();
        MemoryLocation one = Locate(memory, (ulong)first.Address + Page + 5),
            two = Locate(memory, (ulong)second.Address + 5);
        Assert.Equal(one, two);
        Assert.NotEqual(one, Locate(memory, (ulong)first.Address + 5));
        Assert.NotEqual(one, Locate(memory, (ulong)first.Address + Page + 6));

        // A mapping of the file itself, and one by pointer, whether it was traced to the file or not.
        var byFile = FileBacking.Of(file, Page, 2 * Page, writable: true)!;
        Assert.True(byFile.TryLocate(5, out MemoryLocation found));
        Assert.Equal(one, found);
        Assert.Equal([5UL], byFile.OffsetsOf(one));
        MemoryBacking byPointer = memory.Reference(new Hva((ulong)first.Address), 4 * Page, writable: true);
        Assert.Equal([Page + 5], byPointer.OffsetsOf(one));
        Assert.True(byPointer.TryPopulate());
        Assert.Equal([Page + 5], byPointer.OffsetsOf(one));
        Assert.True(byPointer.TryLocate(Page + 5, out found));
        Assert.Equal(one, found);
        Assert.Empty(memory.Reference(new Hva((ulong)first.Address + (2 * Page)), 2 * Page, writable: true)
            .OffsetsOf(one));
        byFile.Release();
        byPointer.Release();

        using FileDescriptor another = MakeMemfd(Page);
        using MappedFile third = Map(another, 0, Page);
        Assert.NotEqual(Locate(memory, (ulong)first.Address), Locate(memory, (ulong)third.Address));
    }

    [Fact]
    public void PrivateMemoryIsTheProcessesAlone()
    {
        using ProcessMemory memory = OpenOwn();
        using ChildProcess child = ChildProcess.Start("/bin/sleep", "1000");
        using ProcessMemory others = child.OpenMemory();
        Assert.Equal(new MemoryLocation(others, child.MarkerAddress), Locate(others, child.MarkerAddress));
        using var block = new HostBlock(2 * Page);
        ulong address = (ulong)block.Address;
        Assert.Equal(new MemoryLocation(memory, address), Locate(memory, address));
        MemoryBacking backing = memory.Reference(new Hva(address), 2 * Page, writable: true);
        Assert.Equal([Page + 1], backing.OffsetsOf(new MemoryLocation(memory, address + Page + 1)));
        Assert.Empty(backing.OffsetsOf(new MemoryLocation(others, address + Page + 1)));
        Assert.Empty(backing.OffsetsOf(new MemoryLocation(memory, address + (2 * Page))));
        backing.Release();
    }

    [Fact]
    public void WhatTheProcessCannotReadIsNowhere()
    {
        using ProcessMemory memory = OpenOwn();
        Assert.False(memory.TryLocate(new Hva(0x1000), out _));
        Assert.False(memory.TryLocate(new Hva(ulong.MaxValue), out _));
        var own = new OwnAddressSpace();
        HostBlock block = own.Allocate(Page);
        Assert.True(own.TryLocate(new Hva((ulong)block.Address + 7), out MemoryLocation location));
        Assert.Equal(new MemoryLocation(block, 7), location);
        Assert.False(own.TryLocate(new Hva((ulong)block.Address + Page), out _));
        own.Free(block);
        Assert.False(own.TryLocate(new Hva((ulong)block.Address + 7), out _));
    }

    [Fact]
    public void APartIsPopulatedWhereTheWholeIsNotThere()
    {
        using FileDescriptor file = MakeMemfd(2 * Page);
        var backing = FileBacking.Of(file, 0, 4 * Page, writable: true)!;
        Assert.False(backing.TryPopulate());
        Assert.True(backing.TryPopulate(Page, Page));
        var word = new byte[8];
        Assert.True(backing.TryWrite(Page + 8, word));
        Assert.False(backing.TryPopulate(Page, Page + 1));
        Assert.False(backing.TryRead((2 * Page) - 4, word)); // what was not there when it was mapped is not touched
        backing.Release();
    }

    private static MemoryLocation Locate(AddressSpace memory, ulong address)
    {
        Assert.True(memory.TryLocate(new Hva(address), out MemoryLocation location));
        return location;
    }

    private static MappedFile Map(FileDescriptor file, ulong offset, ulong length)
    {
        Assert.Equal(Errno.None, MappedFile.TryMap(file, offset, length, writable: true, out MappedFile? mapped));
        return mapped!;
    }

    private static FileDescriptor MakeMemfd(ulong size)
    {
        Assert.Equal(Errno.None, SysFiles.CreateMemfd("test", FcntlH.MFD_CLOEXEC, out FileDescriptor file));
        Assert.Equal(Errno.None, SysFiles.Truncate(file, size));
        return file;
    }
}
