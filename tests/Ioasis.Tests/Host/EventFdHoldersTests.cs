using Ioasis.Abi;
using Ioasis.Linux.Events;
using Ioasis.Linux.Files;
using Ioasis.Tests.Devices;

namespace Ioasis.Tests.Host;

public sealed class EventFdHoldersTests
{
    [Fact]
    public void ItsNumberStandsInTheTextOfItsDescriptor()
    {
        Assert.True(EventFdHolders.TryParseId(
            "pos:\t0\nflags:\t02\nmnt_id:\t15\nino:\t9\n"u8
            + "eventfd-count:                0\neventfd-id: 37\neventfd-semaphore: 0\n"u8, out int id));
        Assert.Equal(37, id);
        Assert.False(EventFdHolders.TryParseId("pos:\t0\nflags:\t02\nmnt_id:\t15\nino:\t9\n"u8, out _));
        Assert.False(EventFdHolders.TryParseId(default, out _));
    }

    [Fact]
    public void OurOwnDescriptorDoesNotCount()
    {
        const int closeOnExec = 0x80000; // EFD_CLOEXEC
        Assert.Equal(Errno.None, SysEvents.CreateEventFd(0, closeOnExec, out FileDescriptor own));
        // a child of another test has it until it runs its program
        using (own) SlotBench.Until(() => !EventFdHolders.Exist(own));
    }

    [Fact]
    public void ThatOfAnotherProcessDoes()
    {
        const int setFlags = 2; // F_SETFD
        Assert.Equal(Errno.None, SysEvents.CreateEventFd(0, 0, out FileDescriptor own));
        using (own)
        {
            Assert.True(SysFiles.Fcntl(own, setFlags, 0).IsOk); // not closed on exec
            using ChildProcess child = ChildProcess.Start("sleep", "1000");
            Assert.True(EventFdHolders.Exist(own));
        }
    }
}
