using System.Text;
using Ioasis.Linux.Memory;
using Ioasis.Memory;

namespace Ioasis.Tests.Host;

public sealed class ProcessMemoryTests
{
    [Fact]
    public void AnotherProcessIsReadAndWritten()
    {
        using ChildProcess child = ChildProcess.Start("/bin/sleep", "1000");
        using ProcessMemory memory = child.OpenMemory();
        var at = new Hva(child.MarkerAddress);
        var bytes = new byte[ChildProcess.Marker.Length];
        Assert.True(memory.TryRead(at, bytes));
        Assert.Equal(ChildProcess.Marker, Encoding.ASCII.GetString(bytes));
        Assert.True(memory.TryWrite(at + 14, "FEDC"u8));
        Assert.Contains("IOASIS_MARKER=FEDC456789abcdef", child.Environment, StringComparison.Ordinal);
    }

    [Fact]
    public void ItIsReadThroughTheThreadThatCallsToo()
    {
        using ChildProcess child = ChildProcess.Start("/bin/sleep", "1000");
        using ProcessMemory memory = child.OpenMemory();
        var bytes = new byte[4];
        memory.EnterCall(child.Id);
        try
        {
            Assert.True(memory.TryRead(new Hva(child.MarkerAddress), bytes));
            Assert.Equal("IOAS"u8.ToArray(), bytes);
            Assert.False(memory.TryRead(new Hva(16), bytes));
            Assert.False(memory.TryWrite(new Hva(child.FindMapping(" r-xp ").Start), bytes));
        }
        finally { ProcessMemory.LeaveCall(); }
    }

    [Fact]
    public void WhatTheProcessCouldNotAccessFails()
    {
        using ChildProcess child = ChildProcess.Start("/bin/sleep", "1000");
        using ProcessMemory memory = child.OpenMemory();
        (ulong start, ulong end) = child.FindMapping("[stack]");
        (ulong code, ulong _) = child.FindMapping(" r-xp ");
        var bytes = new byte[8];
        Assert.False(memory.TryRead(new Hva(0), bytes));
        Assert.False(memory.TryRead(new Hva(end - 4), bytes));
        Assert.False(memory.TryRead(new Hva(ulong.MaxValue - 3), bytes));
        Assert.True(memory.TryRead(new Hva(code), bytes));
        Assert.False(memory.TryWrite(new Hva(code), bytes));
        Assert.True(memory.TryRead(new Hva(start), default));
    }

    [Fact]
    public void ARangeIsPopulatedOnlyIfAllOfItIsThereWithItsPermission()
    {
        using ChildProcess child = ChildProcess.Start("/bin/sleep", "1000");
        using ProcessMemory memory = child.OpenMemory();
        (ulong start, ulong end) = child.FindMapping("[stack]");
        (ulong code, ulong codeEnd) = child.FindMapping(" r-xp ");
        Assert.True(memory.Reference(new Hva(start), end - start, writable: true).TryPopulate());
        Assert.True(memory.Reference(new Hva(end - 5), 5, writable: true).TryPopulate());
        Assert.False(memory.Reference(new Hva(end - 5), 6, writable: true).TryPopulate());
        Assert.False(memory.Reference(new Hva(start - 4096 * 64), 4096, writable: false).TryPopulate());
        Assert.True(memory.Reference(new Hva(code), codeEnd - code, writable: false).TryPopulate());
        Assert.False(memory.Reference(new Hva(code), codeEnd - code, writable: true).TryPopulate());
        Assert.False(memory.Reference(new Hva(ulong.MaxValue - 4095), 4096, writable: false).TryPopulate());
    }

    [Fact]
    public void AMappingOfAForbiddenFileIsRefused()
    {
        using ChildProcess child = ChildProcess.Start("/bin/sleep", "1000");
        (ulong code, ulong end) = child.FindMapping(" r-xp ");
        var asked = new List<(ulong, ulong)>();
        using ProcessMemory memory = child.OpenMemory((device, inode) => { asked.Add((device, inode)); return true; });
        Assert.False(memory.Reference(new Hva(code), end - code, writable: false).TryPopulate());
        Assert.True(memory.Reference(new Hva(child.MarkerAddress), 8, writable: true).TryPopulate()); // of no file
        Assert.NotEqual(0UL, Assert.Single(asked).Item2);
    }

    [Fact]
    public void ABackingReadsAndWritesItsRange()
    {
        using ChildProcess child = ChildProcess.Start("/bin/sleep", "1000");
        using ProcessMemory memory = child.OpenMemory();
        MemoryBacking backing = memory.Reference(new Hva(child.MarkerAddress), (ulong)ChildProcess.Marker.Length,
            writable: true);
        Assert.True(backing.TryPopulate());
        var bytes = new byte[4];
        Assert.True(backing.TryRead(14, bytes));
        Assert.Equal("0123"u8.ToArray(), bytes);
        Assert.True(backing.TryWrite(16, "xy"u8));
        Assert.Contains("IOASIS_MARKER=01xy456789abcdef", child.Environment, StringComparison.Ordinal);
        Assert.False(backing.TryRead(backing.Length - 3, bytes));
        Assert.False(backing.TryRead(ulong.MaxValue, bytes));
        Assert.False(memory.Reference(new Hva(child.MarkerAddress), 8, writable: false).TryWrite(0, "z"u8));
        Assert.Equal(0, backing.DirectAddress);
        Assert.False(backing.IsFile);
        backing.Release();
    }

    [Fact]
    public void WhenTheProcessIsGoneEveryAccessFails()
    {
        using ChildProcess child = ChildProcess.Start("/bin/sleep", "1000");
        using ProcessMemory memory = child.OpenMemory();
        var at = new Hva(child.MarkerAddress);
        MemoryBacking backing = memory.Reference(at, 8, writable: true);
        Assert.True(backing.TryPopulate());
        child.Kill();
        AssertNothingWorks(memory, at, backing);
        memory.Dispose();
        AssertNothingWorks(memory, at, backing);
    }

    [Fact]
    public void AfterAnExecTheNewProgramIsNotReached()
    {
        using ChildProcess child = ChildProcess.Start("/bin/sh", "-c", "read line; exec /bin/sleep 1000");
        using ProcessMemory memory = child.OpenMemory();
        var at = new Hva(child.MarkerAddress);
        MemoryBacking backing = memory.Reference(at, 8, writable: true);
        Assert.True(backing.TryPopulate());
        child.WriteLine("go");
        child.WaitForProgram("/bin/sleep");
        AssertNothingWorks(memory, at, backing);
        var now = new Hva(child.MarkerAddress);
        AssertNothingWorks(memory, now, memory.Reference(now, 8, writable: true));
        Assert.Contains(ChildProcess.Marker, child.Environment, StringComparison.Ordinal);
    }

    [Fact]
    public void TheTextOfMapsIsUnderstood()
    {
        List<ProcmapQuery> mappings = ProcessMaps.Parse("""
            55d0c0a00000-55d0c0a02000 r--p 00000000 fe:10 1835010                    /usr/bin/sleep
            7ffd0c5e4000-7ffd0c605000 rw-p 00000000 00:00 0                          [stack]
            ffffffffff600000-ffffffffff601000 --xp 00001000 00:00 0                  [vsyscall]
            """u8);
        Assert.Equal(3, mappings.Count);
        Assert.Equal((0x55d0c0a00000UL, 0x55d0c0a02000UL, ProcmapQuery.Readable),
            (mappings[0].Start, mappings[0].End, mappings[0].Flags));
        Assert.Equal((0xfeu, 0x10u, 1835010UL), (mappings[0].DeviceMajor, mappings[0].DeviceMinor, mappings[0].Inode));
        Assert.Equal(ProcmapQuery.Readable | ProcmapQuery.Writable, mappings[1].Flags);
        Assert.Equal((0UL, 0x1000UL, 0UL), (mappings[2].Flags, mappings[2].Offset, mappings[2].Inode));
    }

    private static void AssertNothingWorks(ProcessMemory memory, Hva at, MemoryBacking backing)
    {
        var bytes = new byte[8];
        Assert.False(memory.TryRead(at, bytes));
        Assert.False(memory.TryWrite(at, bytes));
        Assert.False(backing.TryRead(0, bytes));
        Assert.False(backing.TryWrite(0, bytes));
        Assert.False(backing.TryPopulate());
    }
}
