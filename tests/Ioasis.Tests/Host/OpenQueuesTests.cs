using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Host.Devices;
using Ioasis.Host.Serving;
using Ioasis.Linux.Events;
using Ioasis.Linux.Files;

namespace Ioasis.Tests.Host;

/// <summary>Queues, with the descriptors of a program in our own process.</summary>
public sealed class OpenQueuesTests : IDisposable
{
    private readonly OpenFiles _files = new();

    public void Dispose() => _files.Dispose();

    private void Look()
    {
        _files.Look();
        Assert.True(_files.Closer.TryAwaitAll(TimeSpan.FromMinutes(1)));
    }

    private (TestQueue Queue, FileDescriptor Placed) Open(bool answered)
    {
        var queue = new TestQueue(answered);
        FileDescriptor? placed = null;
        SysResult result = _files.Open(queue, 1, file =>
        {
            placed = Duplicate(file);
            return SysResult.Ok(placed.Number);
        });
        Assert.Equal(placed!.Number, result.Value);
        return (queue, placed);
    }

    private static FileDescriptor Duplicate(FileDescriptor file) =>
        new((int)SysFiles.Fcntl(file, FcntlH.F_DUPFD_CLOEXEC).Value);

    private static ulong[] Read(FileDescriptor placed, int most)
    {
        var room = new ulong[most];
        SysResult got = SysFiles.Read(placed, MemoryMarshal.AsBytes(room.AsSpan()));
        if (got.Errno == Errno.EAGAIN) return [];
        Assert.True(got.IsOk);
        Assert.Equal(0, got.Value % 8);
        return room[..(int)(got.Value / 8)];
    }

    private static void Write(FileDescriptor placed, params ReadOnlySpan<ulong> responses) =>
        Assert.Equal(8 * responses.Length, SysFiles.Write(placed, MemoryMarshal.AsBytes(responses)).Value);

    private static bool IsReadable(FileDescriptor placed)
    {
        Assert.Equal(Errno.None, SysEvents.Poll(placed, SysEvents.POLLIN, 0, out short ready));
        return (ready & SysEvents.POLLIN) != 0;
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void RecordsAreThereAtOnceAndSeveralCanBeReadAtOnce(bool answered)
    {
        (TestQueue queue, FileDescriptor placed) = Open(answered);
        using (placed)
        {
            Assert.False(IsReadable(placed));
            Assert.Empty(Read(placed, 4));
            queue.Add(1, 2);
            queue.Add(3);
            Assert.True(IsReadable(placed));
            Assert.Equal([1, 2, 3], Read(placed, 4));
            Assert.False(IsReadable(placed));
        }
    }

    [Fact]
    public void RecordsThatWereThereBeforeTheProgramAreThereToo()
    {
        var queue = new TestQueue(answered: true);
        queue.Add(7);
        FileDescriptor? placed = null;
        _files.Open(queue, 1, file => SysResult.Ok((placed = Duplicate(file)).Number));
        using (placed) Assert.Equal([7], Read(placed!, 1));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void WhatFindsNoRoomWaitsAndNothingIsLost(bool answered)
    {
        const int Count = 100_000;
        (TestQueue queue, FileDescriptor placed) = Open(answered);
        using (placed)
        {
            for (ulong i = 0; i < Count; i++) queue.Add(i);
            Assert.NotEqual(0, queue.Left);
            ulong next = 0;
            while (next < Count)
            {
                ulong[] got = Read(placed, 100);
                if (got.Length == 0) _files.Look(); // sees that there is room
                foreach (ulong record in got) Assert.Equal(next++, record);
            }

            Assert.Empty(Read(placed, 1));
            Assert.Equal(0, queue.Left);
            // Nobody looks for room any more: it would be found without end.
            Assert.Equal(Errno.None, SysEvents.Poll(_files.Notifier, SysEvents.POLLIN, 0, out short ready));
            Assert.Equal(0, ready);
        }
    }

    [Fact]
    public void AGroupOfAnySizeIsReadWhole()
    {
        (TestQueue queue, FileDescriptor placed) = Open(answered: true);
        using (placed)
        {
            var group = new ulong[2560]; // 512 page requests of 40 bytes
            for (int i = 0; i < group.Length; i++) group[i] = (ulong)i;
            queue.Add(group);
            Assert.Equal(group, Read(placed, 4000));
        }
    }

    [Fact]
    public void WhatTheProgramHasReadIsCounted()
    {
        (TestQueue queue, FileDescriptor placed) = Open(answered: false);
        using (placed)
        {
            queue.Add(1);
            queue.Add(2, 3);
            Assert.Equal(0, queue.HasRead);
            Read(placed, 1);
            Assert.Equal(8, queue.HasRead);
            Read(placed, 2);
            Assert.Equal(24, queue.HasRead);
        }
    }

    [Fact]
    public void ResponsesAreTakenInOrderAtTheNextLook()
    {
        (TestQueue queue, FileDescriptor placed) = Open(answered: true);
        using (placed)
        {
            Write(placed, 1, 2);
            Write(placed, 3);
            Assert.Equal(Errno.None, SysEvents.Poll(_files.Notifier, SysEvents.POLLIN, 0, out short ready));
            Assert.Equal(SysEvents.POLLIN, ready);
            Look();
            Assert.Equal([1, 2, 3], queue.Answers);
            var many = new ulong[3000];
            for (int i = 0; i < many.Length; i++) many[i] = (ulong)i + 4;
            Write(placed, many);
            Look();
            Assert.Equal([1, 2, 3, .. many], queue.Answers);
        }
    }

    [Fact]
    public void AResponseInPiecesIsOne()
    {
        (TestQueue queue, FileDescriptor placed) = Open(answered: true);
        using (placed)
        {
            SysFiles.Write(placed, [5, 0, 0]);
            Look();
            Assert.Empty(queue.Answers);
            SysFiles.Write(placed, [0, 0, 0, 0, 0]);
            Look();
            Assert.Equal([5], queue.Answers);
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void ItIsClosedWithTheLastDescriptor(bool answered)
    {
        (TestQueue queue, FileDescriptor placed) = Open(answered);
        FileDescriptor another = Duplicate(placed);
        placed.Dispose();
        Look();
        Assert.Equal(0, queue.Closed);
        another.Dispose();
        Look();
        Assert.Equal(1, queue.Closed);
        Assert.True(_files.IsEmpty);
        queue.Add(1); // nobody has it: it stays
        Look();
        Assert.Equal(1, queue.Closed);
        Assert.Equal(1, queue.Left);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void AFullOneIsClosedToo(bool answered)
    {
        (TestQueue queue, FileDescriptor placed) = Open(answered);
        for (ulong i = 0; i < 100_000; i++) queue.Add(i);
        placed.Dispose();
        Look();
        Assert.Equal(1, queue.Closed);
    }

    [Fact]
    public void ResponsesBeforeTheCloseCount()
    {
        (TestQueue queue, FileDescriptor placed) = Open(answered: true);
        queue.Add(1);
        Write(placed, 2);
        placed.Dispose();
        Look();
        Assert.Equal([2], queue.Answers);
        Assert.Equal(1, queue.Closed);
    }

    [Fact]
    public void AProgramThatShutsItsEndDownKeepsNobodyBusy()
    {
        (TestQueue queue, FileDescriptor placed) = Open(answered: true);
        using (placed)
        {
            Write(placed, 1);
            using (var socket = new System.Net.Sockets.Socket(
                new System.Net.Sockets.SafeSocketHandle(placed.Number, ownsHandle: false)))
                socket.Shutdown(System.Net.Sockets.SocketShutdown.Send);
            Look();
            Assert.Equal([1], queue.Answers);
            Look();
            Assert.Equal(Errno.None, SysEvents.Poll(_files.Notifier, SysEvents.POLLIN, 0, out short ready));
            Assert.Equal(0, ready);
            queue.Add(2);
            Assert.Equal([2], Read(placed, 2));
        }

        Look();
        Assert.Equal(1, queue.Closed);
    }

    [Fact]
    public void AllThatAreReadyHaveTheirTurn()
    {
        var open = new List<(TestQueue Queue, FileDescriptor Placed)>();
        for (int i = 0; i < 50; i++) open.Add(Open(answered: true));
        foreach ((_, FileDescriptor placed) in open) Write(placed, 9);
        Look();
        Assert.All(open, one => Assert.Equal([9], one.Queue.Answers));
        foreach ((_, FileDescriptor placed) in open) placed.Dispose();
        Look();
        Assert.All(open, one => Assert.Equal(1, one.Queue.Closed));
    }

    /// <summary>A byte that is sent out of band is counted by the kernel, and no read gets it.</summary>
    [Fact]
    public void BytesThatNoReadGetsKeepNobodyBusy()
    {
        (TestQueue queue, FileDescriptor placed) = Open(answered: true);
        Assert.Equal(Errno.None, SysEvents.CreateEpoll(out FileDescriptor events));
        using (events)
        using (placed)
        using (var socket = new System.Net.Sockets.Socket(
            new System.Net.Sockets.SafeSocketHandle(placed.Number, ownsHandle: false)))
        {
            Assert.Equal(Errno.None, EventLoop.Watch(events, _files.Notifier));
            socket.Blocking = false; // as its file is
            for (ulong i = 1; i <= 3; i++)
            {
                socket.Send([0xaa], System.Net.Sockets.SocketFlags.OutOfBand);
                Assert.Equal(1, Ready(events));
                Look();
                Assert.Equal(0, Ready(events));
                Write(placed, i);
                Assert.Equal(1, Ready(events)); // and what can be read is told again
                Look();
                Assert.Equal(i, queue.Answers.LastOrDefault());
                Assert.Equal(0, Ready(events));
            }
        }

        static long Ready(FileDescriptor events) => SysEvents.WaitEpoll(events, new SysEvents.EpollEntry[4], 0).Value;
    }

    [Fact]
    public void OneThatFindsNoPlaceIsClosed()
    {
        var queue = new TestQueue(answered: true);
        Assert.Equal(Errno.EMFILE, _files.Open(queue, 1, _ => Errno.EMFILE).Errno);
        Look();
        Assert.Equal(1, queue.Closed);
        Assert.True(_files.IsEmpty);
    }

    [Fact]
    public void TheInodeTellsWhichItIs()
    {
        (TestQueue _, FileDescriptor placed) = Open(answered: true);
        using (placed)
        {
            Assert.Equal(Errno.None, SysFiles.Stat(placed, out LinuxStat stat));
            Assert.True(_files.TryHold(stat.Dev, stat.Ino, out OpenFile? found));
            Assert.Equal("[test]", found.Name);
            found.Release();
            Assert.False(_files.TryHold(stat.Dev, stat.Ino + 1, out _));
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ThreadsThatFillReadAnswerAndCloseAgree(bool answered)
    {
        const ulong Count = 20_000;
        for (int round = 0; round < 3; round++)
        {
            (TestQueue queue, FileDescriptor placed) = Open(answered);
            bool done = false;
            CancellationToken cancel = TestContext.Current.CancellationToken;
            Task[] servers = [.. Enumerable.Range(0, 2)
                .Select(_ => Task.Run(() => { while (!Volatile.Read(ref done)) _files.Look(); }, cancel))];
            Task fill = Task.Run(() => { for (ulong i = 0; i < Count; i++) queue.Add(i); }, cancel);
            ulong next = 0;
            while (next < Count)
            {
                foreach (ulong record in Read(placed, 64))
                {
                    Assert.Equal(next++, record);
                    while (answered && SysFiles.Write(placed, BitConverter.GetBytes(record)).Errno == Errno.EAGAIN)
                        Thread.Yield();
                }
            }

            await fill;
            // Records that come while the file goes are no fault.
            Task late = Task.Run(() => { for (ulong i = 0; i < 1000; i++) queue.Add(i); }, cancel);
            placed.Dispose();
            Look();
            Assert.Equal(1, queue.Closed);
            await late;
            Volatile.Write(ref done, true);
            await Task.WhenAll(servers);
            Assert.Equal(answered ? Count : 0, (ulong)queue.Answers.Length);
            Assert.Equal(queue.Answers.Order(), queue.Answers);
        }
    }
}
