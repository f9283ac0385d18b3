using System.Text;
using Ioasis.Abi;
using Ioasis.Host.Devices;
using Ioasis.Iommufd.Files;
using Ioasis.Linux.Files;
using Ioasis.Machine.Nodes;

namespace Ioasis.Tests.Host;

/// <summary>
/// Files of sysfs that programs write to without being stopped: what was written is found afterwards.
/// </summary>
public sealed class WrittenFilesTests : IDisposable
{
    private readonly OpenFiles _files = new();
    private readonly AttributeFiles _attributes = new();
    private readonly List<string> _taken = [];

    public void Dispose() => _files.Dispose();

    [Fact]
    public void EachTextIsTakenOnce()
    {
        using FileDescriptor file = Open(Text(), FcntlH.O_WRONLY);
        Write(file, "one\n");
        _files.Look();
        Write(file, "two\n");
        Write(file, "two\n");
        _files.Look();
        _files.Look();
        Assert.Equal(["one\n", "two\n", "two\n"], _taken);
    }

    [Fact]
    public void WhatIsWrittenAtTheBeginningAgainIsNew()
    {
        using FileDescriptor file = Open(Text(), FcntlH.O_WRONLY);
        for (int i = 0; i < 3; i++)
        {
            Assert.True(SysFiles.WriteAt(file, "same"u8, 0).IsOk);
            _files.Look();
        }

        Assert.Equal(["same", "same", "same"], _taken);
    }

    [Fact]
    public void AZeroByteIsAText()
    {
        using FileDescriptor file = Open(Text(), FcntlH.O_WRONLY);
        Write(file, "\0");
        _files.Look();
        Assert.Equal(["\0"], _taken);
    }

    [Fact]
    public void WhatWasWrittenBeforeTheCloseIsTakenBeforeIt()
    {
        using (FileDescriptor file = Open(Text(), FcntlH.O_WRONLY)) Write(file, "last");
        _files.Look();
        Assert.Equal(["last"], _taken);
        Assert.True(_files.IsEmpty);
    }

    [Fact]
    public void OfALongTextTheEndIsTaken()
    {
        using FileDescriptor file = Open(Text(), FcntlH.O_WRONLY);
        Write(file, new string('x', 10_000) + "end");
        _files.Look();
        Assert.Equal(4096, Assert.Single(_taken).Length);
        Assert.EndsWith("xend", _taken[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task FilesAreOpenedWhileATextTakesEffect()
    {
        CancellationToken cancel = TestContext.Current.CancellationToken;
        using var begun = new ManualResetEventSlim();
        using var mayEnd = new ManualResetEventSlim();
        VirtualFile slow = new("/sys/slow", () => [], 0x80)
        {
            Take = _ =>
            {
                begun.Set();
                mayEnd.Wait(cancel);
                _taken.Add("slow");
            },
        };
        using FileDescriptor file = Open(slow, FcntlH.O_WRONLY);
        Write(file, "x");
        Task first = Task.Run(_files.Look, cancel);
        Assert.True(begun.Wait(TimeSpan.FromMinutes(1), cancel));
        using FileDescriptor other = Open(Text(), FcntlH.O_WRONLY);
        Write(other, "next");
        Task second = Task.Run(_files.Look, cancel);
        mayEnd.Set();
        await first;
        await second;
        Assert.Equal(["slow", "next"], _taken);
    }

    [Fact]
    public void ATextThatIsOnlyReadIsNoSuchFile() =>
        Assert.Null(_attributes.NodeOf(Text(), forWriting: false, () => true));

    [Fact]
    public void BytesThatChangedAreWrittenWhereTheyStand()
    {
        var bytes = new Bytes();
        using FileDescriptor file = Open(BytesOf(bytes), FcntlH.O_RDWR);
        Assert.True(SysFiles.WriteAt(file, [0x11, 0x22], 4).IsOk);
        Assert.True(SysFiles.WriteAt(file, [0x33], 254).IsOk);
        _files.Look();
        _files.Look();
        Assert.Equal([(4, "1122"), (254, "33")], bytes.Written);
    }

    [Fact]
    public void EveryOpenFileShowsWhatBecameOfIt()
    {
        var bytes = new Bytes { Keeps = 0x0f };
        VirtualFile attribute = BytesOf(bytes);
        using FileDescriptor file = Open(attribute, FcntlH.O_RDWR), other = Open(attribute, FcntlH.O_RDONLY);
        Assert.True(SysFiles.WriteAt(file, [0xff], 8).IsOk);
        _files.Look();
        bytes.Finish();
        Assert.Equal((0x0f, 0x0f), (ByteAt(file, 8), ByteAt(other, 8)));
        _files.Look();
        Assert.Single(bytes.Written);
    }

    [Fact]
    public void WhatAProgramWroteMeanwhileIsNotLost()
    {
        var bytes = new Bytes { Keeps = 0x0f };
        using FileDescriptor file = Open(BytesOf(bytes), FcntlH.O_RDWR);
        Assert.True(SysFiles.WriteAt(file, [0xff], 8).IsOk);
        _files.Look();
        Assert.True(SysFiles.WriteAt(file, [0x55], 8).IsOk);
        bytes.Finish(); // of the first; the second has not been looked at
        Assert.Equal(0x55, ByteAt(file, 8));
        _files.Look();
        bytes.Finish();
        Assert.Equal([(8, "ff"), (8, "55")], bytes.Written);
        Assert.Equal(0x05, ByteAt(file, 8));
    }

    /// <summary>
    /// A thread has read the bytes and does not come to show them before a change of another has taken effect. Bytes
    /// from before the change would hide that the program writes them again.
    /// </summary>
    [Fact]
    public void WhatWasReadBeforeAChangeIsNotShownAfterIt()
    {
        var bytes = new Bytes();
        using FileDescriptor file = Open(BytesOf(bytes), FcntlH.O_RDWR);
        Assert.True(SysFiles.WriteAt(file, [1], 100).IsOk);
        _files.Look();
        using ReadPoint first = new(), second = new();
        bytes.WhenRead = first.Reach;
        var early = new Thread(bytes.Finish);
        early.Start();
        first.Await();
        bytes.WhenRead = second.Reach;
        Assert.True(SysFiles.WriteAt(file, [6], 8).IsOk);
        _files.Look();
        var late = new Thread(bytes.Finish);
        late.Start();
        Until.True(() => late.ThreadState.HasFlag(ThreadState.WaitSleepJoin)); // it has taken effect, and waits to show

        first.Pass();
        second.Await();
        int shown = ByteAt(file, 8);
        second.Pass();
        early.Join();
        late.Join();
        Assert.Equal(6, shown);
        Assert.Equal((1, 6), (ByteAt(file, 100), ByteAt(file, 8)));
    }

    [Fact]
    public void WhoIsNoAdministratorReadsTheFirstAlone()
    {
        var bytes = new Bytes();
        VirtualFile attribute = BytesOf(bytes) with { CountForEverybody = 64 };
        using FileDescriptor file = Open(attribute, FcntlH.O_RDONLY, isAdmin: false),
            writer = Open(attribute, FcntlH.O_RDWR, isAdmin: false);
        Assert.Equal((64, 256), (SizeOf(file), SizeOf(writer)));
        Assert.True(SysFiles.WriteAt(writer, [7], 63).IsOk);
        Assert.True(SysFiles.WriteAt(writer, [8], 64).IsOk);
        _files.Look();
        bytes.Finish();
        Assert.Equal(7, ByteAt(file, 63));
        Assert.Equal(64, SizeOf(file));

        static long SizeOf(FileDescriptor file) =>
            SysFiles.Stat(file, out LinuxStat stat) == Errno.None ? stat.Size : 0;
    }

    [Fact]
    public void BytesHaveOneSize()
    {
        using FileDescriptor file = Open(BytesOf(new Bytes()), FcntlH.O_RDWR);
        Assert.Equal(Errno.EPERM, SysFiles.WriteAt(file, [1], 256).Errno);
        Assert.Equal(Errno.EPERM, SysFiles.Truncate(file, 0));
        Assert.Equal(Errno.None, SysFiles.Stat(file, out LinuxStat stat));
        Assert.Equal(256, stat.Size);
    }

    private static void Write(FileDescriptor file, string text) =>
        Assert.True(SysFiles.Write(file, Encoding.ASCII.GetBytes(text)).IsOk);

    private static int ByteAt(FileDescriptor file, ulong offset)
    {
        var one = new byte[1];
        Assert.True(SysFiles.ReadAt(file, one, offset).IsOk);
        return one[0];
    }

    private VirtualFile Text() =>
        new("/sys/text", () => [], 0x80) { Take = text => _taken.Add(Encoding.ASCII.GetString(text.Span)) };

    private static VirtualFile BytesOf(Bytes bytes) =>
        new("/sys/bytes", bytes.Read, 0x1a4) { Size = Bytes.Count, Bytes = bytes };

    private FileDescriptor Open(VirtualFile attribute, int flags, bool isAdmin = true)
    {
        INode node = _attributes.NodeOf(attribute, forWriting: flags != FcntlH.O_RDONLY, () => isAdmin)!;
        Assert.Equal(Errno.None, ((ICarrierChoice)node).TryCreate("test", out Carrier? carrier));
        Assert.Equal(Errno.None, node.Open(carrier!, out NodeFile? file));
        Assert.Equal(Errno.None, carrier!.Reopen(flags, out FileDescriptor? placed));
        Assert.Equal(Errno.None, _files.Add(new OpenFile(node.Path, carrier, file!, flags, opener: 1, node)));
        return placed!;
    }

    /// <summary>A point where a thread is stopped.</summary>
    private sealed class ReadPoint : IDisposable
    {
        private readonly ManualResetEventSlim _isReached = new(), _mayPass = new();

        public void Dispose()
        {
            _isReached.Dispose();
            _mayPass.Dispose();
        }

        internal void Reach()
        {
            _isReached.Set();
            _mayPass.Wait();
        }

        internal void Await() => Assert.True(_isReached.Wait(Until.Patience));

        internal void Pass() => _mayPass.Set();
    }

    /// <summary>Bytes of which a write changes some bits, when the test says so.</summary>
    private sealed class Bytes : IVirtualBytes
    {
        public const int Count = 256;
        private readonly byte[] _bytes = new byte[Count];
        private readonly Queue<Action> _pending = new();

        /// <summary>Is called by who has read.</summary>
        internal volatile Action? WhenRead;

        public byte Keeps { get; init; } = 0xff;

        public List<(int Position, string Bytes)> Written { get; } = [];

        public byte[] Read()
        {
            byte[] now = [.. _bytes];
            WhenRead?.Invoke();
            return now;
        }

        public void Write(int position, byte[] bytes, Action done)
        {
            Written.Add((position, Convert.ToHexStringLower(bytes)));
            _pending.Enqueue(() =>
            {
                for (int i = 0; i < bytes.Length; i++) _bytes[position + i] = (byte)(bytes[i] & Keeps);
                done();
            });
        }

        public void Finish()
        {
            while (_pending.TryDequeue(out Action? next)) next();
        }
    }
}
