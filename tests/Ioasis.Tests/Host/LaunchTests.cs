using System.Text;
using Ioasis.Abi;
using Ioasis.Host.Filter;
using Ioasis.Host.Launch;
using Ioasis.Linux.Files;

namespace Ioasis.Tests.Host;

public sealed class LaunchTests
{
    [Fact]
    public void ARequestSurvivesTheSocket()
    {
        var request = new LaunchRequest([.. "prog\0a\0"u8, 0xff, 0, 0], [.. "A=1\0"u8], 0x8000_0000_0000_0201, 1024,
            5_120_001, StrictSva: false, HoldsCalls: true, new WriteRule([new(1, 7), new(72, 72)], Vectored: true),
            IsTraced: true);
        byte[] bytes = request.ToBytes();
        Assert.Equal(bytes.Length - 4, BitConverter.ToInt32(bytes));
        LaunchRequest read = LaunchRequest.FromBytes(bytes[4..]);
        Assert.Equal(request.Arguments, read.Arguments);
        Assert.Equal(request.Environment, read.Environment);
        Assert.Equal((request.IgnoredSignals, request.DescriptorLimit, request.FileSizeLimit),
            (read.IgnoredSignals, read.DescriptorLimit, read.FileSizeLimit));
        Assert.True(!read.StrictSva && read.HoldsCalls && read.Writes.Vectored && read.IsTraced);
        Assert.Equal(request.Writes.Ranges, read.Writes.Ranges);
    }

    [Fact]
    public void ADescriptorGoesWithItsNumber()
    {
        Assert.Equal(Errno.None, SysFiles.CreateSocketPair(out FileDescriptor first, out FileDescriptor second));
        Assert.Equal(Errno.None, SysFiles.CreateMemfd("sent", FcntlH.MFD_CLOEXEC, out FileDescriptor sent));
        using LaunchChannel launcher = new(first), supervisor = new(second);
        using (sent)
        {
            Assert.True(launcher.TrySendFile(77, sent.Number));
            Assert.True(supervisor.TryReceiveFile(out long value, out FileDescriptor? got));
            using (got)
            {
                Assert.Equal(77, value);
                Assert.Equal(Errno.None, SysFiles.Stat(sent, out LinuxStat ours));
                Assert.Equal(Errno.None, SysFiles.Stat(got!, out LinuxStat theirs));
                Assert.Equal((ours.Dev, ours.Ino), (theirs.Dev, theirs.Ino));
                Assert.NotEqual(sent.Number, got!.Number);
                Assert.Equal(FcntlH.FD_CLOEXEC, (int)SysFiles.Fcntl(got, FcntlH.F_GETFD).Value);
            }
        }

        Assert.True(launcher.TrySend(-5));
        Assert.True(supervisor.TryReceiveFile(out long number, out FileDescriptor? none));
        Assert.Equal((-5, null), (number, none));
    }

    [Fact]
    public void ArgumentsThatAreNotOurOwnArePassedAsText() =>
        Assert.Equal("prog\0\0ä\0", Encoding.UTF8.GetString(OriginalProcess.ArgumentBytes("prog", ["", "ä"])));

    [Fact]
    public void TheEnvironmentIsWhatWeWereStartedWith()
    {
        string text = Encoding.UTF8.GetString(OriginalProcess.EnvironmentBytes());
        Assert.EndsWith("\0", text, StringComparison.Ordinal);
        Assert.Contains("PATH=", text, StringComparison.Ordinal);
    }
}
