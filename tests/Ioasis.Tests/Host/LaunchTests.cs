using System.Text;
using Ioasis.Host.Filter;
using Ioasis.Host.Launch;

namespace Ioasis.Tests.Host;

public sealed class LaunchTests
{
    [Fact]
    public void ARequestSurvivesTheSocket()
    {
        var request = new LaunchRequest([.. "prog\0a\0"u8, 0xff, 0, 0], [.. "A=1\0"u8], 0x8000_0000_0000_0201, 1024,
            5_120_001, StrictSva: false, HoldsCalls: true, new WriteRule([(1, 7), (72, 72)], Vectored: true));
        byte[] bytes = request.ToBytes();
        Assert.Equal(bytes.Length - 4, BitConverter.ToInt32(bytes));
        LaunchRequest read = LaunchRequest.FromBytes(bytes[4..]);
        Assert.Equal(request.Arguments, read.Arguments);
        Assert.Equal(request.Environment, read.Environment);
        Assert.Equal((request.IgnoredSignals, request.DescriptorLimit, request.FileSizeLimit),
            (read.IgnoredSignals, read.DescriptorLimit, read.FileSizeLimit));
        Assert.True(!read.StrictSva && read.HoldsCalls && read.Writes.Vectored);
        Assert.Equal(request.Writes.Ranges, read.Writes.Ranges);
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
