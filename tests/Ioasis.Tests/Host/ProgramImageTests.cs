using Ioasis.Abi;
using Ioasis.Host.Callers;
using Ioasis.Linux.Files;
using Ioasis.Linux.Memory;

namespace Ioasis.Tests.Host;

/// <summary>A program is known by its memory, not by where it stands in it.</summary>
public sealed class ProgramImageTests
{
    [Fact]
    public void AProgramIsItself()
    {
        using ChildProcess child = ChildProcess.Start("/bin/sleep", "1000");
        using ProcessMemory memory = child.OpenMemory();
        using FileDescriptor directory = DirectoryOf(child);
        Assert.True(ProgramImage.Read(directory).IsStillThatOf(directory, memory));
    }

    [Fact]
    public void TheSameProgramAtTheSameAddressesIsAnother()
    {
        // As before and after an exec whose former memory lives on: nothing is put at random places.
        using ChildProcess former =
            ChildProcess.StartBecoming("/bin/sleep", "/bin/sh", "-c", "exec setarch -R /bin/sleep 1000");
        using ChildProcess next =
            ChildProcess.StartBecoming("/bin/sleep", "/bin/sh", "-c", "exec setarch -R /bin/sleep 1000");
        using ProcessMemory memory = former.OpenMemory();
        using FileDescriptor directory = DirectoryOf(former), other = DirectoryOf(next);
        Assert.Equal(former.FindMapping("[stack]"), next.FindMapping("[stack]"));
        ProgramImage image = ProgramImage.Read(directory);
        Assert.True(image.IsStillThatOf(directory, memory));
        Assert.False(image.IsStillThatOf(other, memory));
    }

    [Fact]
    public void AnExecEndsIt()
    {
        using ChildProcess child =
            ChildProcess.Start("/bin/sh", "-c", "read line; exec /bin/sh -c 'read line; exit 0'");
        using ProcessMemory memory = child.OpenMemory();
        using FileDescriptor directory = DirectoryOf(child);
        ProgramImage image = ProgramImage.Read(directory);
        (ulong, ulong) before = child.FindMapping("[stack]");
        child.WriteLine("go");
        Assert.True(SpinWait.SpinUntil(() => memory.IsGone, TimeSpan.FromSeconds(60)),
            $"expected the memory at {before} to go");
        Assert.False(image.IsStillThatOf(directory, memory));
    }

    [Fact]
    public void OfAThreadThatIsGoneNothingIsRead()
    {
        using ChildProcess child = ChildProcess.Start("/bin/sleep", "1000");
        using ProcessMemory memory = child.OpenMemory();
        using FileDescriptor directory = DirectoryOf(child);
        ProgramImage image = ProgramImage.Read(directory);
        child.Kill();
        Assert.False(image.IsStillThatOf(directory, memory));
        Assert.False(ProgramImage.Read(directory).IsStillThatOf(directory, memory));
    }

    private static FileDescriptor DirectoryOf(ChildProcess child)
    {
        Assert.Equal(Errno.None,
            SysFiles.Open($"/proc/{child.Id}/fd", FcntlH.O_RDONLY | FcntlH.O_DIRECTORY, out FileDescriptor directory));
        return directory;
    }
}
