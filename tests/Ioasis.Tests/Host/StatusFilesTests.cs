using System.Text;
using Ioasis.Host.Paths;

namespace Ioasis.Tests.Host;

/// <summary>/proc/PID/status with what is pinned.</summary>
public sealed class StatusFilesTests
{
    private const string Text = "Name:\tVmPin:\nTgid:\t7\nVmSize:\t "
        + "   2000 kB\nVmLck:\t       8 kB\nVmPin:\t       0 kB\nVmHWM:\t 1234567 kB\n";

    [Theory]
    [InlineData("/proc/self/status", 77, true)]
    [InlineData("/proc/thread-self/status", 77, false)]
    [InlineData("/proc/12/status", 12, false)]
    [InlineData("/proc/12/task/13/status", 13, false)]
    [InlineData("/proc/self/task/13/status", 13, false)]
    public void ItsPathIsKnown(string path, int thread, bool isProcess)
    {
        Assert.True(StatusFiles.TryParse(Encoding.UTF8.GetBytes(path), 77, out int named, out bool asProcess));
        Assert.Equal((thread, isProcess), (named, asProcess));
    }

    [Theory]
    [InlineData("/proc/self/statusx")]
    [InlineData("/proc/self/stat")]
    [InlineData("/proc/status")]
    [InlineData("/proc/self/task/status")]
    [InlineData("/proc/-1/status")]
    [InlineData("proc/self/status")]
    public void AnotherIsNot(string path) =>
        Assert.False(StatusFiles.TryParse(Encoding.UTF8.GetBytes(path), 77, out _, out _));

    [Fact]
    public void PagesAreAddedInKilobytesAndNothingElseChanges()
    {
        byte[] text = Encoding.UTF8.GetBytes(Text);
        Assert.Same(text, StatusFiles.Add(text, "VmPin:"u8, 0));
        Assert.Equal(Text.Replace("       8 kB", "      20 kB", StringComparison.Ordinal),
            Encoding.UTF8.GetString(StatusFiles.Add(text, "VmLck:"u8, 3)));
        Assert.Equal(
            Text.Replace("       0 kB", "4000000000 kB", StringComparison.Ordinal),
            Encoding.UTF8.GetString(StatusFiles.Add(text, "VmPin:"u8, 1_000_000_000)));
        Assert.Same(text, StatusFiles.Add(text, "VmNone:"u8, 3));
    }
}
