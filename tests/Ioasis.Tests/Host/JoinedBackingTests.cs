using Ioasis.Abi;
using Ioasis.Linux.Files;
using Ioasis.Linux.Memory;
using Ioasis.Memory;
using static Ioasis.Tests.Host.BackingFiles;

namespace Ioasis.Tests.Host;

/// <summary>Memory that a process has from several files, one after the other, is mapped as one.</summary>
public sealed class JoinedBackingTests
{
    private const ulong Page = 4096;

    [Fact]
    public void FilesThatAreMappedInARowAreAccessedAsMemory()
    {
        using FileDescriptor first = MakeMemfd("joined-a", 3 * Page), second = MakeMemfd("joined-b", 2 * Page);
        using ProcessMemory memory = OpenOwn();
        nint start = Map((first, 1, 2), (second, 0, 2));
        MemoryBacking backing = memory.Reference(new Hva((ulong)start + 100), (4 * Page) - 200, writable: true);
        Assert.True(backing.TryBring(0, backing.Length));
        Assert.True(backing.TryPopulate());
        Assert.NotEqual(0, backing.DirectAddress);
        Assert.Equal(100, backing.DirectAddress % (nint)Page);

        // What the process does with its own mapping does not matter from here on.
        Assert.Equal(Errno.None, SysMemory.Unmap(start, 4 * Page));
        Write(backing, 0, "head"u8);
        Write(backing, (2 * Page) - 102, "both"u8);
        Write(backing, backing.Length - 4, "tail"u8);
        HostMemory.Write(backing.DirectAddress + (nint)Page, "here"u8);
        Assert.Equal("head"u8.ToArray(), InFile(first, Page + 100, 4));
        Assert.Equal("bo"u8.ToArray(), InFile(first, (3 * Page) - 2, 2));
        Assert.Equal("th"u8.ToArray(), InFile(second, 0, 2));
        Assert.Equal("tail"u8.ToArray(), InFile(second, (2 * Page) - 104, 4));
        Assert.Equal("here"u8.ToArray(), InFile(first, (2 * Page) + 100, 4));
        Assert.False(backing.TryRead(backing.Length - 3, new byte[4]));

        // A byte has the same location as through the file itself.
        using FileBackingHold byFile = new(second, 0, 2 * Page);
        Assert.True(backing.TryLocate((2 * Page) - 100 + 5, out MemoryLocation location));
        Assert.True(byFile.Backing.TryLocate(5, out MemoryLocation same));
        Assert.Equal(same, location);
        Assert.Equal([(2 * Page) - 100 + 5], backing.OffsetsOf(location));
        Assert.True(backing.TryLocate(0, out location));
        Assert.Equal(Page + 100, location.Offset);

        // A file that loses a page.
        Assert.Equal(Errno.None, SysFiles.Truncate(second, Page));
        Assert.Equal(new byte[4], Read(backing, (3 * Page) + 10, 4));
        Write(backing, (3 * Page) + 10, "lost"u8);
        Assert.Equal("lost"u8.ToArray(), Read(backing, (3 * Page) + 10, 4));
        Assert.Equal("th"u8.ToArray(), Read(backing, (2 * Page) - 100, 2));
        Assert.False(backing.TryPopulate());
        Assert.True(backing.TryPopulate(0, (3 * Page) - 100));
        Assert.Equal(2, memory.Files.Held);
        backing.Release();
        Assert.Equal(0, Mappings("joined-a"));
        Assert.True(byFile.Backing.TryPopulate(0, Page));
    }

    [Fact]
    public void MemoryThatIsPartlyPrivateIsNotTraced()
    {
        using FileDescriptor file = MakeMemfd("joined-c", Page);
        using ProcessMemory memory = OpenOwn();
        Assert.Equal(Errno.None, UserPages.TryAllocate(2 * Page, out UserPages? pages));
        using (pages)
        {
            Assert.Equal(Errno.None, SysMemory.MapOver(pages!.Address, file, 0, Page, Both));
            MemoryBacking backing = memory.Reference(new Hva((ulong)pages.Address), 2 * Page, writable: true);
            Assert.True(backing.TryBring(0, 2 * Page));
            Assert.True(backing.TryPopulate());
            Assert.Equal(0, backing.DirectAddress);
            Write(backing, Page - 2, "both"u8);
            Assert.Equal("bo"u8.ToArray(), InFile(file, Page - 2, 2));
            backing.Release();
        }
    }

    [Fact]
    public void AProcessHasItsShareOfViews()
    {
        var share = new Ioasis.Linux.Memory.FileShare();
        int taken = 0;
        while (Ioasis.Linux.Memory.FileShare.TryTakeViews(share, 64)) taken += 64;
        Assert.InRange(taken, 64, 1 << 16);
        Assert.False(Ioasis.Linux.Memory.FileShare.TryTakeViews(share, 64));
        Ioasis.Linux.Memory.FileShare.GiveViews(share, 64);
        Assert.True(Ioasis.Linux.Memory.FileShare.TryTakeViews(share, 64));
        Ioasis.Linux.Memory.FileShare.GiveViews(share, taken);
    }

    private const int Both = SysMemory.PROT_READ | SysMemory.PROT_WRITE;

    private static nint Map(params (FileDescriptor File, ulong First, ulong Count)[] pages)
    {
        ulong length = 0;
        foreach ((_, _, ulong count) in pages) length += count * Page;
        Assert.Equal(Errno.None, SysMemory.Reserve(length, out nint address));
        nint at = address;
        foreach ((FileDescriptor file, ulong first, ulong count) in pages)
        {
            Assert.Equal(Errno.None, SysMemory.MapOver(at, file, first * Page, count * Page, Both));
            at += (nint)(count * Page);
        }

        return address;
    }

    private static FileDescriptor MakeMemfd(string name, ulong size)
    {
        Assert.Equal(Errno.None, SysFiles.CreateMemfd(name, FcntlH.MFD_CLOEXEC, out FileDescriptor file));
        Assert.Equal(Errno.None, SysFiles.Truncate(file, size));
        return file;
    }

    private static int Mappings(string name) =>
        File.ReadLines("/proc/self/maps").Count(line => line.Contains($"memfd:{name}", StringComparison.Ordinal));

    private sealed class FileBackingHold(FileDescriptor file, ulong start, ulong length) : IDisposable
    {
        public FileBacking Backing { get; } = FileBacking.Of(file, start, length, writable: true)!;

        public void Dispose() => Backing.Release();
    }
}
