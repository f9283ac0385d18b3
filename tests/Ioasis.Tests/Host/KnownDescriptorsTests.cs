using System.Globalization;
using Ioasis.Abi;
using Ioasis.Host.Callers;
using Ioasis.Linux.Events;
using Ioasis.Linux.Files;

namespace Ioasis.Tests.Host;

/// <summary>
/// What a descriptor stands for is read anew each time: nothing of what stood there before may be left.
/// </summary>
public sealed class KnownDescriptorsTests : IDisposable
{
    private readonly FileDescriptor _directory = OpenDirectory("self");
    private readonly KnownDescriptors _known;

    public KnownDescriptorsTests() => _known = new KnownDescriptors(_directory);

    public void Dispose()
    {
        _known.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public void TheSecondTimeItIsKnown()
    {
        using FileDescriptor file = NewMemfd();
        Assert.False(_known.TryRead(file.Number, out _));
        _known.Add(file.Number);
        Assert.False(_known.TryRead(file.Number, out _));
        _known.Add(file.Number);
        Assert.True(_known.TryRead(file.Number, out DescriptorInfo info));
        Assert.Equal(InodeOf(file), info.Inode);
        _known.Drop(file.Number);
        Assert.False(_known.TryRead(file.Number, out _));
    }

    [Fact]
    public void AnotherFileUnderTheNumberIsSeen()
    {
        using FileDescriptor first = NewMemfd(), second = NewMemfd();
        Assert.Equal(Errno.None, SysEvents.CreateEventFd(0, 0, out FileDescriptor other));
        using (other)
        {
            using var number = new FileDescriptor((int)SysFiles.Fcntl(first, FcntlH.F_DUPFD_CLOEXEC).Value);
            Know(number.Number);
            Assert.True(_known.TryRead(number.Number, out DescriptorInfo one));
            Assert.Equal(InodeOf(first), one.Inode);
            Assert.Equal(Errno.None, SysFiles.DuplicateTo(second, number.Number));
            Assert.True(_known.TryRead(number.Number, out DescriptorInfo two));
            Assert.Equal(one with { Inode = InodeOf(second) }, two); // all memfds are on one mount
            Assert.Equal(Errno.None, SysFiles.DuplicateTo(other, number.Number));
            Assert.True(_known.TryRead(number.Number, out DescriptorInfo three));
            Assert.NotEqual(one.Mount, three.Mount);
        }
    }

    [Fact]
    public void ADescriptorThatIsClosedStandsForNothing()
    {
        // No other test opens files in there.
        using ChildProcess child = ChildProcess.Start("/bin/sh", "-c", "read line; exec 0<&-; kill -STOP $$");
        using FileDescriptor directory = OpenDirectory(child.Id.ToString(CultureInfo.InvariantCulture));
        using var known = new KnownDescriptors(directory);
        known.Add(0);
        known.Add(0);
        Assert.True(known.TryRead(0, out _));
        child.WriteLine("");
        Assert.True(SpinWait.SpinUntil(() => !File.Exists($"/proc/{child.Id}/fd/0"), TimeSpan.FromSeconds(60)));
        Assert.False(known.TryRead(0, out _));
    }

    [Fact]
    public void OfAProcessThatIsGoneNothingIsKnown()
    {
        using ChildProcess child = ChildProcess.Start("/bin/sleep", "1000");
        using FileDescriptor directory = OpenDirectory(child.Id.ToString(CultureInfo.InvariantCulture));
        using var known = new KnownDescriptors(directory);
        known.Add(0);
        known.Add(0);
        Assert.True(known.TryRead(0, out _));
        child.Kill();
        Assert.False(known.TryRead(0, out _));
    }

    [Fact]
    public void DescriptorsOfOneSlotTakeItFromEachOther()
    {
        using FileDescriptor file = NewMemfd();
        using var low = new FileDescriptor((int)SysFiles.Fcntl(file, FcntlH.F_DUPFD_CLOEXEC, 512).Value);
        Know(low.Number);
        int high = low.Number + 512;
        _known.Add(high);
        Assert.False(_known.TryRead(low.Number, out _));
        Assert.False(_known.TryRead(high, out _));
        Know(low.Number);
        Assert.True(_known.TryRead(low.Number, out DescriptorInfo info));
        Assert.Equal(InodeOf(file), info.Inode);
    }

    [Theory]
    [InlineData("pos:\t0\nflags:\t0100002\nmnt_id:\t16\nino:\t327670\n", true)]
    [InlineData("pos:\t0\nflags:\t0100002\nmnt_id:\t16\nino:\t327670\neventfd-count: 0\nmnt_id:\t17\n", true)]
    [InlineData("pos:\t0\nflags:\t0100002\nmnt_id:\t16\n", false)] // no inode
    [InlineData("pos:\t0\nflags:\t0100002\nmnt_id:\t16\nino:\t32767", false)] // cut off
    [InlineData("pos:\t0\nflags:\t0100002\nmnt_id:\tx\nino:\t327670\n", false)]
    [InlineData("", false)]
    public void TheTextIsTakenApart(string text, bool isWhole)
    {
        Assert.Equal(isWhole, DescriptorInfo.TryParse(System.Text.Encoding.ASCII.GetBytes(text),
                out DescriptorInfo info));
        Assert.Equal(isWhole ? new DescriptorInfo(16, 327670) : default, info);
    }

    private void Know(int descriptor)
    {
        _known.Add(descriptor);
        _known.Add(descriptor);
    }

    private static FileDescriptor NewMemfd()
    {
        Assert.Equal(Errno.None, SysFiles.CreateMemfd("test", FcntlH.MFD_CLOEXEC, out FileDescriptor file));
        return file;
    }

    private static ulong InodeOf(FileDescriptor file)
    {
        Assert.Equal(Errno.None, SysFiles.Stat(file, out LinuxStat stat));
        return stat.Ino;
    }

    private static FileDescriptor OpenDirectory(string process)
    {
        Assert.Equal(Errno.None,
            SysFiles.Open($"/proc/{process}/fd", FcntlH.O_RDONLY | FcntlH.O_DIRECTORY, out FileDescriptor directory));
        return directory;
    }
}
