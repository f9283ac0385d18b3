using System.Text;
using Ioasis.Host.Callers;
using Ioasis.Linux.Processes;

namespace Ioasis.Tests.Host;

/// <summary>The text of /proc/TID/status.</summary>
public sealed class StatusTextTests
{
    [Theory]
    [InlineData("Name:\tx\nTgid:\t7\n", "Tgid:", 7UL)]
    [InlineData("Name:\tTgid:\t8\nTgid:\t7\n", "Tgid:", 7UL)] // the name looks like a line
    [InlineData("Name:\tTgid:Tgid:\\nTgid:\nTgid:\t7", "Tgid:", 7UL)] // its newline is escaped; the last line is cut
    [InlineData("NSTgid:\t9\nTgid:\t7\t8\n", "Tgid:", 7UL)]
    [InlineData("VmLck:\t       8 kB\nVmPin:\t       4 kB\n", "VmPin:", 4UL)]
    public void ANumberIsFoundInItsOwnLine(string text, string name, ulong number)
    {
        Assert.True(StatusText.TryFindNumber(Encoding.ASCII.GetBytes(text), Encoding.ASCII.GetBytes(name),
            out ulong found));
        Assert.Equal(number, found);
    }

    [Theory]
    [InlineData("")]
    [InlineData("Name:\tTgid:\t8\n")]
    [InlineData("NSTgid:\t9\n")]
    [InlineData("Tgid:\t\nNgid:\t5\n")]
    public void ALineThatIsMissingIsNotFound(string text) =>
        Assert.False(StatusText.TryFindNumber(Encoding.ASCII.GetBytes(text), "Tgid:"u8, out _));

    [Fact]
    public void TheHeadHasTheLinesBeforeTheGroups()
    {
        Span<byte> room = stackalloc byte[StatusText.HeadLength];
        ReadOnlySpan<byte> head = room[..StatusText.ReadHead(SysProcesses.ThreadId, room)];
        Assert.True(StatusText.TryFindNumber(head, "Tgid:"u8, out ulong process));
        Assert.Equal((ulong)Environment.ProcessId, process);
        Assert.True(StatusText.TryFind(head, "FDSize:"u8, out _));
        Assert.True(StatusText.TryRead(SysProcesses.ThreadId, out byte[] text));
        Assert.True(StatusText.TryFind(text, "CapEff:"u8, out _));
        Assert.EndsWith("\n", Encoding.UTF8.GetString(text), StringComparison.Ordinal);
        Assert.DoesNotContain((byte)0, text);
    }

    [Fact]
    public void AThreadThatIsNotThereHasNoText()
    {
        Span<byte> room = stackalloc byte[StatusText.HeadLength];
        Assert.Equal(0, StatusText.ReadHead(int.MaxValue, room));
        Assert.False(StatusText.TryRead(int.MaxValue, out _));
        Assert.False(ThreadStatus.TryReadProcess(int.MaxValue, out _));
        Assert.False(ThreadStatus.IsTraced(int.MaxValue));
    }
}
