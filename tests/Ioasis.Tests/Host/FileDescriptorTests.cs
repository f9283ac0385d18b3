using Ioasis.Abi;
using Ioasis.Linux.Files;

namespace Ioasis.Tests.Host;

public sealed class FileDescriptorTests
{
    [Fact]
    public async Task AnOpenThatFailsIsNoFileWhateverElseTheProcessDoes()
    {
        // From a thread of a process with several, where libc takes another way through open(2).
        await Task.Run(
            () =>
            {
                Errno errno = SysFiles.Open("/nowhere/to/be/found", FcntlH.O_RDWR, out FileDescriptor file);
                Assert.Equal(Errno.ENOENT, errno);
                Assert.True(file.IsInvalid);
            },
            TestContext.Current.CancellationToken);
    }
}
