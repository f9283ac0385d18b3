using Ioasis.Abi;
using Ioasis.Host.Callers;
using Ioasis.Linux.Events;
using Ioasis.Linux.Files;
using Ioasis.Memory.Threads;

namespace Ioasis.Tests.Host;

/// <summary>
/// A device's signal never waits for the program whose eventfd it is, and a program's loss is what it would lose on
/// Linux.
/// </summary>
public sealed class EventFileTests
{
    private const ulong Full = ulong.MaxValue - 1;
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    public static TheoryData<bool> Ways => [false, true];

    [Theory]
    [MemberData(nameof(Ways))]
    public void SignalsAreCounted(bool byThread)
    {
        using FileDescriptor programs = Make(0, out EventFile file, byThread);
        using (file)
        {
            for (int i = 0; i < 1000; i++) file.Signal(); // more than the kernel keeps completions of
            ulong count = 0;
            while (count < 1000)
            {
                AwaitReadable(programs);
                Assert.Equal(Errno.None, SysEvents.ReadEventFd(programs, out ulong more));
                count += more;
            }

            Assert.Equal(1000UL, count);
        }
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void AFullCounterStaysFullAndNobodyWaits(bool byThread)
    {
        using FileDescriptor programs = Make(0, out EventFile file, byThread);
        using (file)
        {
            SysEvents.WriteEventFd(programs, Full);
            for (int i = 0; i < 100; i++) file.Signal();
            Assert.Equal(Errno.None, SysEvents.ReadEventFd(programs, out ulong count));
            Assert.InRange(count, Full, ulong.MaxValue); // eventfd_signal goes one further than write(2) can
            if (byThread) return; // its signals may come after the read
            file.Signal();
            SysEvents.ReadEventFd(programs, out count);
            Assert.Equal(1UL, count);
        }
    }

    /// <summary>
    /// The program fills what was just emptied: a look before a write would find room that is gone when it writes.
    /// </summary>
    [Theory]
    [MemberData(nameof(Ways))]
    public void WhoFillsTheCounterAtAnyMomentHoldsNobodyUp(bool byThread)
    {
        const int Rounds = 50_000;
        using FileDescriptor programs = Make(0, out EventFile file, byThread);
        bool stops = false;
        var filler = new Thread(() =>
        {
            while (!Volatile.Read(ref stops)) SysEvents.WriteEventFd(programs, Full);
        });
        var signaller = new Thread(() =>
        {
            for (int i = 0; i < Rounds; i++)
            {
                SysEvents.TryReadEventFd(programs, out _);
                file.Signal();
            }
        });
        filler.Start();
        signaller.Start();
        bool ended = signaller.Join(s_patience);
        Volatile.Write(ref stops, true);
        // lets whoever waits go
        while (!filler.Join(1) || !signaller.Join(1)) SysEvents.TryReadEventFd(programs, out _);
        file.Dispose();
        Assert.True(ended, "A signal waited for the program.");
    }

    [Fact]
    public void WithoutAThreadASignalIsKeptForTheNext()
    {
        using FileDescriptor programs = Make(0, out EventFile file, byThread: true);
        using (file)
        {
            HostThread.Refusal = _ => true;
            file.Signal();
            HostThread.Refusal = null;
            file.Signal();
            ulong count = 0;
            while (count < 2)
            {
                AwaitReadable(programs);
                SysEvents.ReadEventFd(programs, out ulong more);
                count += more;
            }

            Assert.Equal(2UL, count);
        }
    }

    [Fact]
    public void WhatCannotListenTellsSoAndTheNextCallCan()
    {
        using FileDescriptor programs = Make(0, out EventFile file);
        using (file)
        {
            object device = new();
            HostThread.Refusal = _ => true;
            Assert.Equal(Errno.ENOMEM, file.Listen(device, () => { }, out IDisposable? listening));
            Assert.Null(listening);
            HostThread.Refusal = null;
            using var raised = new SemaphoreSlim(0);
            Assert.Equal(Errno.None, file.Listen(device, () => raised.Release(), out listening));
            using (listening)
            {
                SysEvents.WriteEventFd(programs, 1);
                Assert.True(Came(raised));
            }
        }
    }

    [Fact]
    public void OneDeviceThatTakesItsTimeHoldsUpNoOthersEventfds()
    {
        using FileDescriptor slows = Make(0, out EventFile slow), quicks = Make(0, out EventFile quick);
        using (slow)
        using (quick)
        {
            using var entered = new SemaphoreSlim(0);
            using var goesOn = new SemaphoreSlim(0);
            using var raised = new SemaphoreSlim(0);
            slow.Listen(new object(), () => { entered.Release(); goesOn.Wait(); }, out IDisposable? slowListening);
            quick.Listen(new object(), () => raised.Release(), out IDisposable? quickListening);
            SysEvents.WriteEventFd(slows, 1);
            Assert.True(Came(entered));
            SysEvents.WriteEventFd(quicks, 1);
            Assert.True(Came(raised));
            goesOn.Release();
            slowListening!.Dispose();
            quickListening!.Dispose();
        }
    }

    /// <summary>
    /// As Linux's virqfd: each write calls once, whatever the counter still holds, as that of a semaphore does.
    /// </summary>
    [Fact]
    public void ACounterThatNoReadEmptiesCallsOnceForEachWrite()
    {
        using FileDescriptor programs = Make(0, out EventFile file, flags: SysEvents.EFD_SEMAPHORE);
        using (file)
        {
            int calls = 0;
            using var raised = new SemaphoreSlim(0);
            file.Listen(new object(), () => { Interlocked.Increment(ref calls); raised.Release(); },
                out IDisposable? listening);
            for (int i = 1; i <= 3; i++)
            {
                SysEvents.WriteEventFd(programs, 1000);
                Assert.True(Came(raised));
                Assert.Equal(i, Volatile.Read(ref calls));
            }

            listening!.Dispose();
        }
    }

    [Fact]
    public void WhatACallbackThrowsEndsNothing()
    {
        using FileDescriptor programs = Make(0, out EventFile file);
        using (file)
        {
            using var raised = new SemaphoreSlim(0);
            string? told = null;
            HostMessages.Listener = line => told = line;
            file.Listen(new object(), () => { raised.Release(); throw new InvalidOperationException("it throws"); },
                out IDisposable? listening);
            HostMessages.Listener = null;
            for (int i = 0; i < 3; i++)
            {
                SysEvents.WriteEventFd(programs, 1);
                Assert.True(Came(raised));
            }

            listening!.Dispose();
            Assert.Contains("it throws", told, StringComparison.Ordinal);
        }
    }

    private static bool Came(SemaphoreSlim what) => what.Wait(s_patience, TestContext.Current.CancellationToken);

    private static void AwaitReadable(FileDescriptor file)
    {
        Assert.Equal(Errno.None,
            SysEvents.Poll(file, SysEvents.POLLIN, (int)s_patience.TotalMilliseconds, out short ready));
        Assert.NotEqual(0, ready);
    }

    /// <summary>An eventfd of a program, which blocks, and the same open file as a device has it.</summary>
    private static FileDescriptor Make(uint initial, out EventFile file, bool byThread = false, int flags = 0)
    {
        Assert.Equal(Errno.None, SysEvents.CreateEventFd(initial, flags, out FileDescriptor programs));
        var ours = new FileDescriptor((int)SysFiles.Fcntl(programs, FcntlH.F_DUPFD_CLOEXEC).Value);
        file = new EventFile(ours, byThread ? EventSignals.Forbidden : null);
        return programs;
    }
}
