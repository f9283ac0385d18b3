using Ioasis.Abi;
using Ioasis.Linux.Processes;

namespace Ioasis.Tests.Host;

public sealed class ChildStateTests
{
    private const int SIGCONT = 18, SIGSTOP = 19;

    [Fact]
    public void AStopIsTakenOnce()
    {
        using var child = ChildProcess.Start("sleep", "1000");
        Stop(child.Id);
        Assert.True(SysProcesses.TryTakeChild(child.Id, out ChildState state));
        Assert.True(state.Stopped);
        Assert.False(SysProcesses.TryTakeChild(child.Id, out _));
    }

    [Fact]
    public void AStopThatIsOverIsNotWaitedFor()
    {
        using var child = ChildProcess.Start("sleep", "1000");
        Stop(child.Id);
        Assert.Equal(Errno.None, SysProcesses.Kill(child.Id, SIGCONT));
        bool taken = true;
        var taker = new Thread(() => taken = SysProcesses.TryTakeChild(child.Id, out _)) { IsBackground = true };
        taker.Start();
        Assert.True(taker.Join(TimeSpan.FromSeconds(60)));
        Assert.False(taken);
    }

    private static void Stop(int child)
    {
        Assert.Equal(Errno.None, SysProcesses.Kill(child, SIGSTOP));
        Assert.True(SpinWait.SpinUntil(() => File.ReadAllText($"/proc/{child}/stat").Contains(") T ",
            StringComparison.Ordinal), TimeSpan.FromSeconds(60)));
    }
}
