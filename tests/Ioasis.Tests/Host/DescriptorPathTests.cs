using System.Text;
using Ioasis.Host.Paths;

namespace Ioasis.Tests.Host;

public sealed class DescriptorPathTests
{
    [Theory]
    [InlineData("/proc/self/fd/5", "/proc/77/fd/5")]
    [InlineData("/proc/thread-self/fd/0", "/proc/77/fd/0")]
    [InlineData("/proc/12/fd/5", "/proc/12/fd/5")]
    [InlineData("/proc/12/task/13/fd/5", "/proc/13/fd/5")]
    [InlineData("/proc/self/task/13/fd/5", "/proc/13/fd/5")]
    [InlineData("/dev/fd/9", "/proc/77/fd/9")]
    [InlineData("/proc/self/cwd", "/proc/77/cwd")]
    [InlineData("/proc/12/cwd", "/proc/12/cwd")]
    [InlineData("/proc/self/fd/", null)]
    [InlineData("/proc/self/fd/5x", null)]
    [InlineData("/proc/self/fd/-1", null)]
    [InlineData("/proc/self/fd/99999999999", null)]
    [InlineData("/proc/self/fdinfo/5", null)]
    [InlineData("/proc/x/fd/5", null)]
    [InlineData("/proc/5", null)]
    [InlineData("/dev/fd", null)]
    public void ADescriptorsPathIsKnown(string path, string? expected) =>
        Assert.Equal(expected, DescriptorPath.TryParse(Encoding.UTF8.GetBytes(path), 77, out _));

    [Theory]
    [InlineData("/proc/self/fd/5", false)]
    [InlineData("/proc/77/fd/5", false)]
    [InlineData("/proc/12/fd/5", true)]
    [InlineData("/proc/self/task/13/fd/5", true)]
    public void WhetherItMayBeAnothersIsKnown(string path, bool expected)
    {
        Assert.NotNull(DescriptorPath.TryParse(Encoding.UTF8.GetBytes(path), 77, out bool byNumber));
        Assert.Equal(expected, byNumber);
    }
}
