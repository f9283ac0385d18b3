using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Ioasis.Abi;
using Ioasis.Host.Control;
using Ioasis.Linux.Files;
using Ioasis.Memory.Threads;

namespace Ioasis.Tests.Host;

/// <summary>
/// The socket by which a running program is asked about harms nobody, whoever connects to it, and nobody answers in its
/// place.
/// </summary>
public sealed class ControlTests : IDisposable
{
    private const int Program = 4_000_000; // above any process ID
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("ioasis-control-");

    private string Path => System.IO.Path.Combine(_folder.FullName, "ioasis");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void ADirectoryOfTheUsersAloneIsMadeAndUsed()
    {
        ControlDirectory.Open(Path).Dispose();
        ControlDirectory.Open(Path).Dispose();
        using (var chmod = Process.Start("chmod", ["g+x", Path])) chmod.WaitForExit();
        Assert.Contains("can be entered by others",
            Assert.Throws<ControlException>(() => ControlDirectory.Open(Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ALinkToOneIsNotFollowed()
    {
        ControlDirectory.Open(Path).Dispose();
        string link = Path + "-link";
        File.CreateSymbolicLink(link, Path);
        Assert.Contains("is a link", Assert.Throws<ControlException>(() => ControlDirectory.Open(link)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void AnotherUsersIsRefusedEvenToRoot()
    {
        if (!Environment.IsPrivilegedProcess)
        {
            Assert.Throws<ControlException>(() => ControlDirectory.Open("/root/.."));
            return;
        }

        ControlDirectory.Open(Path).Dispose();
        using (var chown = Process.Start("chown", ["65534", Path])) chown.WaitForExit();
        Assert.Contains("belongs to another user (ID 65534)",
            Assert.Throws<ControlException>(() => ControlDirectory.Open(Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AQuestionIsAnsweredAndTheSocketGoesWithTheProgram()
    {
        using ControlDirectory directory = ControlDirectory.Open(Path);
        using (Serve())
        {
            AwaitSocket(directory);
            Assert.Equal([Program], directory.FindPrograms());
            Assert.Equal("\"x\" is not known", ControlClient.Ask(directory, null, new ControlRequest("x")).Error);
        }

        Assert.Empty(Directory.GetFileSystemEntries(Path));
        Assert.Equal("no program is running under ioasis run",
            Assert.ThrowsAny<IOException>(() =>
                ControlClient.Ask(directory, null, new ControlRequest("x"))).Message);
    }

    [Fact]
    public void SocketsOfSupervisorsThatWereKilledAreTakenAway()
    {
        using ControlDirectory directory = ControlDirectory.Open(Path);
        directory.Listen(Program + 1).Dispose(); // nobody took its file away
        directory.Listen(Program + 2).Dispose();
        using (Serve())
        {
            AwaitSocket(directory);
            // there is only one
            Assert.Equal("\"x\" is not known", ControlClient.Ask(directory, null, new ControlRequest("x")).Error);
            Assert.Equal([$"{Program}.sock"], Directory.GetFiles(Path).Select(System.IO.Path.GetFileName));
        }

        directory.Listen(Program).Dispose();
        Assert.Contains("no program with ID", Assert.ThrowsAny<IOException>(() =>
            ControlClient.Ask(directory, Program, new ControlRequest("x"))).Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(Path));
    }

    [Fact]
    public void OneThatIsAliveIsNotReplaced()
    {
        using ControlDirectory directory = ControlDirectory.Open(Path);
        using FileDescriptor listener = directory.Listen(Program);
        Assert.Contains("another supervisor's",
            Assert.Throws<ControlException>(() => directory.Listen(Program)).Message, StringComparison.Ordinal);
        Assert.Equal([Program], directory.FindPrograms());
    }

    [Fact]
    public void SeveralAreListedByTheirNames()
    {
        using ControlDirectory directory = ControlDirectory.Open(Path);
        using FileDescriptor one = directory.Listen(Environment.ProcessId), other = directory.Listen(Program);
        string message = Assert.Throws<IOException>(
            () => ControlClient.Ask(directory, null, new ControlRequest("x"))).Message;
        Assert.Contains($"{Environment.ProcessId} ({File.ReadAllText("/proc/self/comm").Trim()}), {Program}", message,
            StringComparison.Ordinal);
    }

    /// <summary>Even where the folder's permissions let it in.</summary>
    [Fact]
    public void AnotherUsersConnectionIsRefusedByWhoItIs()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "Only root can become another user.");
        using ControlDirectory directory = ControlDirectory.Open(Path);
        using ControlSocket socket = Serve();
        AwaitSocket(directory);
        string name = $"{Path}/{Program}.sock";
        using (var chmod = Process.Start("chmod", ["a+rwx", _folder.FullName, Path, name])) chmod.WaitForExit();
        int changed = -1;
        string? told = null;
        Exception? failed = null;
        var other = new Thread(() => failed = Record.Exception(() =>
        {
            // A thread has an effective user of its own, which ends with it.
            const uint Nobody = 65534;
            changed = SetEffectiveUser(Nobody);
            if (changed == 0) told = Question(name);
        }));
        other.Start();
        other.Join();
        Assert.Null(failed);
        Assert.Equal(0, changed);
        Assert.Equal("only the user who started the program (ID 0) may ask",
            JsonDocument.Parse(told!).RootElement.GetProperty("Error").GetString());
        Assert.Equal("{\"Error\":\"\\\"x\\\" is not known\"}", Question(name)); // its own user is served
    }

    private static string Question(string socket)
    {
        Assert.Equal(Errno.None, SysSockets.Connect(socket, out FileDescriptor connected));
        using var connection = new ControlConnection(connected);
        _ = connection.TrySend("{\"Verb\":\"x\"}"u8); // who is refused is told so, and may be, before this
        Assert.True(connection.TryReceive(out ReadOnlyMemory<byte> line));
        return Encoding.UTF8.GetString(line.Span);
    }

    /// <summary>setresuid(2) of this thread alone, as libc's would change all threads.</summary>
    private static int SetEffectiveUser(uint user)
    {
        bool isX64 = RuntimeInformation.ProcessArchitecture == System.Runtime.InteropServices.Architecture.X64;
        long number = isX64 ? 117 : 147;
        return (int)Syscall(number, uint.MaxValue, user, uint.MaxValue);
    }

    [DllImport("libc", EntryPoint = "syscall")]
    private static extern long Syscall(long number, nuint real, nuint effective, nuint saved);

    [Fact]
    public void SlowAskersKeepNobodyOut()
    {
        using ControlDirectory directory = ControlDirectory.Open(Path);
        using ControlSocket socket = Serve();
        AwaitSocket(directory);
        var slow = new List<FileDescriptor>();
        for (int i = 0; i < ControlSocket.MostAskers - 1; i++)
        {
            Assert.Equal(Errno.None, directory.Connect(Program, out FileDescriptor one));
            SysFiles.Write(one, "half a ques"u8);
            slow.Add(one);
        }

        Assert.Equal("\"x\" is not known", ControlClient.Ask(directory, Program, new ControlRequest("x")).Error);
        foreach (FileDescriptor one in slow) one.Dispose();
    }

    [Fact]
    public void ALineWithoutAnEndIsCutOff()
    {
        using ControlDirectory directory = ControlDirectory.Open(Path);
        using ControlSocket socket = Serve();
        AwaitSocket(directory);
        Assert.Equal(Errno.None, directory.Connect(Program, out FileDescriptor endless));
        using (endless)
        {
            var bytes = new byte[1 << 20];
            bytes.AsSpan().Fill((byte)'A');
            long sent = 0;
            SysResult put;
            do
            {
                put = SysFiles.Write(endless, bytes);
                if (put.IsOk) sent += put.Value;
            }
            while (put.IsOk || put.Errno == Errno.EAGAIN);
            Assert.Contains(put.Errno, new[] { Errno.EPIPE, Errno.ECONNRESET });
            // what was taken, and what the kernel holds for both ends
            Assert.InRange(sent, ControlConnection.LongestQuestion, 64L << 20);
        }

        Assert.Equal("\"x\" is not known", ControlClient.Ask(directory, Program, new ControlRequest("x")).Error);
    }

    [Fact]
    public void AQuestionHasItsTimeAsAWholeAndNotForEachByte()
    {
        Assert.Equal(Errno.None,
            SysFiles.CreateSocketPair(out FileDescriptor theirs, out FileDescriptor ours, FcntlH.O_NONBLOCK));
        using (theirs)
        using (var connection = new ControlConnection(ours, patience: TimeSpan.FromMilliseconds(300)))
        {
            bool got = true;
            var receiving = new Thread(() => got = connection.TryReceive(out _));
            receiving.Start();
            while (!receiving.Join(10)) SysFiles.Write(theirs, "x"u8);
            Assert.False(got);
        }
    }

    [Fact]
    public void WithoutAThreadOrADescriptorItIsTriedAgain()
    {
        using ControlDirectory directory = ControlDirectory.Open(Path);
        int opened = 0, refused = 0;
        HostThread.Refusal = name => name == "ioasis answer" && Interlocked.Increment(ref refused) <= 2;
        using var socket = new ControlSocket(Program, Answer, () =>
            Interlocked.Increment(ref opened) < 3
                ? throw new ControlException(Errno.EMFILE, "no descriptor")
                : ControlDirectory.Open(Path));
        HostThread.Refusal = null;
        AwaitSocket(directory);
        Assert.Equal(3, opened);
        SlotUntil(() =>
        {
            try { return ControlClient.Ask(directory, Program, new ControlRequest("x")).Error == "\"x\" is not known"; }
            catch (IOException) { return false; } // cut off: there was no thread for it
        });
        Assert.True(refused >= 2);
    }

    [Fact]
    public void WhatCannotBeSetUpIsTold()
    {
        var told = new List<string>();
        HostMessages.Listener = line => { lock (told) told.Add(line); };
        HostThread.Refusal = _ => true;
        new ControlSocket(Program, Answer, () => ControlDirectory.Open(Path)).Dispose();
        HostThread.Refusal = null;
        File.WriteAllText(Path, "");
        using (new ControlSocket(Program, Answer, () => ControlDirectory.Open(Path)))
            SlotUntil(() => { lock (told) return told.Count == 2; });
        HostMessages.Listener = null;
        Assert.Contains("gives no thread", told[0], StringComparison.Ordinal);
        Assert.Contains("is a link or a file", told[1], StringComparison.Ordinal);
    }

    private static void SlotUntil(Func<bool> condition) =>
        Assert.True(SpinWait.SpinUntil(condition, s_patience), "It never came.");

    private static byte[] Answer(ReadOnlyMemory<byte> line) =>
        Encoding.UTF8.GetString(line.Span).Contains("\"x\"", StringComparison.Ordinal)
            ? """{"Error":"\"x\" is not known"}"""u8.ToArray()
            : "{}"u8.ToArray();

    private ControlSocket Serve() => new(Program, Answer, () => ControlDirectory.Open(Path));

    private void AwaitSocket(ControlDirectory directory) =>
        SlotUntil(() => File.Exists($"{directory.Path}/{Program}.sock"));
}
