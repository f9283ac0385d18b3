using Ioasis.Host.Callers;
using Ioasis.Linux.Files;
using Ioasis.Linux.Processes;

namespace Ioasis.Tests.Host;

/// <summary>How much a process may lock, as the kernel tells it.</summary>
public sealed class CallerPinsTests
{
    [Fact]
    public void BothWaysToAskTellTheSameLimit()
    {
        Assert.True(SysCredentials.TryGetLockLimit(0, out ulong called));
        Assert.True(CallerPins.TryReadLimits("/proc/self/limits", out ulong read));
        Assert.Equal(called, read);
        Assert.False(CallerPins.TryReadLimits("/proc/self/no-such-file", out _));
    }

    [Fact]
    public void AfterItsEndAProcessHasTheLimitThatItHad()
    {
        using ChildProcess child =
            ChildProcess.Start("/bin/sh", "-c", "ulimit -S -l 64; read line; exec /bin/sleep 1000");
        child.WriteLine("go");
        child.WaitForProgram("/bin/sleep");
        Assert.Equal(Ioasis.Abi.Errno.None, SysProcesses.OpenPidfd(child.Id, 0, out FileDescriptor pidfd));
        using (pidfd)
        {
            var pins = new CallerPins(child.Id, pidfd);
            Assert.False(pins.HasEnded);
            Assert.Equal(64UL * 1024, pins.LockLimit);
            child.Kill();
            Assert.True(pins.HasEnded);
            Assert.Equal(64UL * 1024, pins.LockLimit);
            pidfd.Dispose();
            Assert.True(pins.HasEnded);
        }
    }

    [Fact]
    public void AThreadsUserAndCapabilitiesAreWhatItsStatusSays()
    {
        string[] status = File.ReadAllLines("/proc/self/status");
        string Field(string name) =>
            status.Single(l => l.StartsWith(name, StringComparison.Ordinal))[name.Length..].Trim();
        Assert.True(SysCredentials.TryGetCapabilities(Environment.ProcessId, out ulong effective));
        Assert.Equal(Convert.ToUInt64(Field("CapEff:"), 16), effective);
        Assert.Equal(Ioasis.Abi.Errno.None, SysProcesses.OpenPidfd(Environment.ProcessId, 0, out FileDescriptor pidfd));
        using (pidfd)
        {
            if (SysCredentials.TryGetRealUser(pidfd, out uint user))
                Assert.Equal(Field("Uid:").Split('\t')[0], $"{user}");
            Assert.Equal(Ioasis.Abi.Errno.None,
                SysFiles.Open("/proc/self/fd", FcntlH.O_RDONLY | FcntlH.O_DIRECTORY, out FileDescriptor directory));
            using (directory)
            {
                Assert.True(ThreadStatus.TryRead(directory, out ThreadStatus own));
                Assert.Equal(Field("Uid:").Split('\t')[0], $"{own.RealUser}");
            }
        }
    }
}
