using System.Text;
using Ioasis.Abi;
using Ioasis.Host.Launch;
using Ioasis.Linux;
using Ioasis.Linux.Events;
using Ioasis.Linux.Files;
using Ioasis.Linux.Processes;

namespace Ioasis.Tests.Host;

public sealed class LaunchTests
{
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

    [Theory]
    [InlineData("./x", "PATH=/a\0", "./x")]
    [InlineData("x", "A=1\0PATH=/a:/b/\0PATH=/c\0", "/a/x /b//x")]
    [InlineData("x", "PATH=:/a::\0", "x /a/x x x")]
    [InlineData("x", "PATH=\0", "x")]
    [InlineData("x", "XPATH=/a\0", "/bin/x /usr/bin/x")]
    [InlineData("x", "", "/bin/x /usr/bin/x")]
    [InlineData("", "PATH=/a\0", "")]
    public void AProgramIsLookedForAsExecvpeDoes(string program, string environment, string files) =>
        Assert.Equal(files, string.Join(' ', ProgramSearch.FilesOf(
            Encoding.UTF8.GetBytes(program), Encoding.UTF8.GetBytes(environment)).Select(Encoding.UTF8.GetString)));

    [Fact]
    public void APathOrNameThatIsTooLongIsLeftToTheKernel()
    {
        byte[] name = [.. Enumerable.Repeat((byte)'x', 256)];
        Assert.Equal(name, Assert.Single(ProgramSearch.FilesOf(name, "PATH=/a:/b\0"u8)));
        byte[] path = [.. "PATH="u8, .. Enumerable.Repeat((byte)'/', 4096), .. ":/b\0"u8];
        Assert.Equal("/b/x"u8, Assert.Single(ProgramSearch.FilesOf("x"u8, path)));
    }

    /// <summary>A process that makes our calls, from a file in memory and from one on disk.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AProcessMakesTheCallsThatItIsTold(bool fromDisk)
    {
        using var process = new ToldProcess(fromDisk);
        Assert.True(process.Calls.TryMake(out SysResult result, SyscallNumbers.Gettid));
        Assert.Equal(SysResult.Ok(process.Pid), result);
        Assert.True(process.Calls.TryMake(out result, SyscallNumbers.Fcntl, 9999, FcntlH.F_GETFD));
        Assert.Equal(Errno.EBADF, result.Errno);
        // All six arguments: the second page of a file, mapped at an address.
        const ulong At = 0x700000000000, PageSize = 4096, MAP_PRIVATE = 2, MAP_FIXED = 0x10;
        Assert.True(process.Calls.TryMake(out SysResult file, SyscallNumbers.Open, process.Data.Files[1]));
        Assert.True(process.Calls.TryMake(out result, SyscallNumbers.Mmap, At, PageSize, 1, MAP_PRIVATE | MAP_FIXED,
            (ulong)file.Value, PageSize));
        Assert.Equal(SysResult.Ok((long)At), result);
        Assert.Equal(BitConverter.ToUInt64(File.ReadAllBytes("/bin/sh"), (int)PageSize), process.ReadWord(At));
        Assert.True(process.Calls.TryWrite(process.Data.ScriptOfShell, 0x1122334455667788));
        Assert.Equal(0x1122334455667788UL, process.ReadWord(process.Data.ScriptOfShell));
    }

    [Fact]
    public void ItHandsAFileOver()
    {
        using var process = new ToldProcess();
        Assert.True(process.Calls.TryMake(out SysResult copied, SyscallNumbers.Fcntl, 1, FcntlH.F_DUPFD, 10));
        Assert.True(copied.Value >= 10);
        using FileDescriptor? got = process.Calls.TakeFileOfResult();
        Assert.NotNull(got);
        Assert.Equal(Errno.None, SysFiles.Stat(new FileDescriptor(1, owned: false), out LinuxStat ours));
        Assert.Equal(Errno.None, SysFiles.Stat(got, out LinuxStat its));
        Assert.Equal((ours.Dev, ours.Ino), (its.Dev, its.Ino));
        Assert.Equal(FcntlH.FD_CLOEXEC, (int)SysFiles.Fcntl(got, FcntlH.F_GETFD).Value);
        // A result that is no file's number: nothing comes, and the next call works.
        Assert.True(process.Calls.TryMake(out SysResult bad, SyscallNumbers.Fcntl, 9999, FcntlH.F_GETFD));
        Assert.False(bad.IsOk);
        Assert.Null(process.Calls.TakeFileOfResult());
        Assert.True(process.Calls.TryMake(out SysResult thread, SyscallNumbers.Gettid));
        Assert.Equal(process.Pid, thread.Value);
    }

    [Fact]
    public void ItEndsWithUs()
    {
        using var process = new ToldProcess();
        process.Calls.Dispose();
        Assert.Equal(125, process.AwaitEnd());
    }

    [Fact]
    public void ItBecomesTheProgramThatItExecutes()
    {
        using var process = new ToldProcess();
        Assert.True(process.Calls.TryMake(out SysResult none, SyscallNumbers.Execve, process.Data.Files[0],
            process.Data.Arguments, process.Data.Environment));
        Assert.Equal(Errno.ENOENT, none.Errno);
        process.Calls.CloseOnExec();
        Assert.False(process.Calls.TryMake(out _, SyscallNumbers.Execve, process.Data.Files[1],
            process.Data.Arguments, process.Data.Environment));
        Assert.Equal(7, process.AwaitEnd());
    }

    /// <summary>A process that makes calls, and can become a shell that ends with 7 if its environment came.</summary>
    private sealed class ToldProcess : IDisposable
    {
        public ToldProcess(bool fromDisk = false)
        {
            Data = new LaunchData("sh\0-c\0exit $CODE\0"u8, "CODE=7\0"u8, [[.. "/no/such"u8], [.. "/bin/sh"u8]], []);
            Assert.Equal(Errno.None, SysFiles.CreateSocketPair(out FileDescriptor ours, out FileDescriptor theirs));
            Calls = new RemoteCalls(ours, theirs.Number);
            using (theirs)
            {
                Assert.True(SysFiles.Fcntl(theirs, FcntlH.F_SETFD).IsOk);
                byte[] image = LaunchCode.Make(theirs.Number, Data), name = [.. "told\0"u8];
                Assert.Equal(Errno.None, fromDisk
                    ? SmallProgram.StartFromDisk("told", image, name, [], isApart: false, out int pid)
                    : SmallProgram.Start("told", image, name, [], isApart: false, out pid));
                Pid = pid;
            }
        }

        public LaunchData Data { get; }

        public RemoteCalls Calls { get; }

        public int Pid { get; }

        public ulong ReadWord(ulong address)
        {
            Span<byte> word = stackalloc byte[sizeof(ulong)];
            Assert.Equal(Errno.None, SysFiles.Open($"/proc/{Pid}/mem", FcntlH.O_RDONLY, out FileDescriptor memory));
            using (memory) Assert.Equal(sizeof(ulong), SysFiles.ReadAt(memory, word, address).Value);
            return BitConverter.ToUInt64(word);
        }

        public int AwaitEnd()
        {
            Assert.Equal(Errno.None, SysProcesses.OpenPidfd(Pid, 0, out FileDescriptor pidfd));
            using (pidfd)
                Assert.Equal(Errno.None, SysEvents.Poll(pidfd, SysEvents.POLLIN, 10_000, out _));
            Assert.True(SysProcesses.TryTakeChild(Pid, out ChildState state));
            return state.ExitCode;
        }

        public void Dispose()
        {
            Calls.Dispose();
            SysProcesses.Kill(Pid, 9);
            SysProcesses.TryTakeChild(Pid, out _);
        }
    }
}
