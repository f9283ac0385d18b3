using Ioasis.Linux.Memory;
using Ioasis.Memory;

namespace Ioasis.Tests.Host;

/// <summary>
/// Reading ahead in a call must not show: what is read is what stands there when it is asked for, or was a moment
/// before.
/// </summary>
public sealed class CallWindowTests : IDisposable
{
    private readonly ChildProcess _child = ChildProcess.Start("/bin/sleep", "1000");
    private readonly ProcessMemory _memory;
    private readonly Hva _at;

    public CallWindowTests()
    {
        _memory = _child.OpenMemory();
        _at = new Hva(_child.MarkerAddress);
        _memory.EnterCall(_child.Id);
    }

    public void Dispose()
    {
        ProcessMemory.LeaveCall();
        _memory.Dispose();
        _child.Dispose();
    }

    private string Read(ulong offset, int count)
    {
        var bytes = new byte[count];
        Assert.True(_memory.TryRead(_at + offset, bytes));
        return System.Text.Encoding.ASCII.GetString(bytes);
    }

    [Fact]
    public void WhatFollowsIsReadWhereItStands()
    {
        Assert.Equal(ChildProcess.Marker[..4], Read(0, 4));
        Assert.Equal(ChildProcess.Marker[4..12], Read(4, 8));
        Assert.Equal(ChildProcess.Marker[12..], Read(12, ChildProcess.Marker.Length - 12));
    }

    [Fact]
    public void WhatIsAskedForAgainIsReadAgain()
    {
        Assert.Equal("IOAS", Read(0, 4));
        WriteBehind(0, "ioas"u8);
        Assert.Equal("ioas", Read(0, 4));
    }

    [Fact]
    public void WhatWasWrittenIsSeen()
    {
        Assert.Equal("IOAS", Read(0, 4));
        Assert.True(_memory.TryWrite(_at + 4, "xx"u8));
        Assert.Equal("xx", Read(4, 2));
    }

    [Fact]
    public void TheNextCallReadsAnew()
    {
        Assert.Equal("IOAS", Read(0, 4));
        WriteBehind(4, "yy"u8);
        ProcessMemory.LeaveCall();
        _memory.EnterCall(_child.Id);
        Assert.Equal("yy", Read(4, 2));
    }

    [Fact]
    public void AnIdThatHasBecomeAnotherProcesssIsNotUsed()
    {
        // The caller was killed while it waited, and its ID given to the next.
        using ChildProcess stranger = ChildProcess.Start("/bin/sleep", "1000");
        ProcessMemory.LeaveCall();
        _memory.EnterCall(stranger.Id);
        Assert.Equal("IOAS", Read(0, 4));
        Assert.True(_memory.TryWrite(_at, "MINE"u8));
        Assert.Equal("MINE", Read(0, 4));
        Assert.Contains(ChildProcess.Marker, stranger.Environment, StringComparison.Ordinal);
    }

    [Fact]
    public void WithAStableIdTheCallIsServedByIt()
    {
        var id = new StableId(_child.Id);
        ProcessMemory.LeaveCall();
        _memory.EnterCall(_child.Id, id, id.Epoch);
        Assert.Equal("IOAS", Read(0, 4));
        Assert.True(_memory.TryWrite(_at, "MINE"u8));
        id.BeginChange(); // and goes on without
        Assert.Equal("MINE", Read(0, 4));
        Assert.True(_memory.TryWrite(_at, "IOAS"u8));
        Assert.Equal("IOAS", Read(0, 4));
    }

    [Fact]
    public void TheEndOfThePageIsNoHindrance()
    {
        // From the last bytes of a page into the next, and the last bytes of all.
        (ulong start, ulong end) = _child.FindMapping("[stack]");
        var bytes = new byte[16];
        Assert.True(_memory.TryRead(new Hva(start + 4096 - 8), bytes));
        Assert.True(_memory.TryRead(new Hva(end - 8), bytes.AsSpan(0, 8)));
        Assert.False(_memory.TryRead(new Hva(end - 8), bytes));
        Assert.False(_memory.TryRead(new Hva(end), bytes));
    }

    // As another thread of the program would.
    private void WriteBehind(ulong offset, ReadOnlySpan<byte> bytes) =>
        Assert.Equal(bytes.Length, SysMemory.WriteProcess(_child.Id, _at.Value + offset, bytes));
}
