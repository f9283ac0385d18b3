using System.Diagnostics;
using Ioasis.Devices;

namespace Ioasis.Tests.Devices;

public sealed class DeviceEngineTests
{
    [Fact]
    public void CommandsRunOneAfterTheOtherAndThereIsRoomForOneMore()
    {
        using var gate = new SemaphoreSlim(0);
        var done = new List<int>();
        using DeviceEngine<int> engine = DeviceEngine.Create<int>("test", (command, abort) =>
        {
            gate.Wait(abort);
            lock (done) done.Add(command);
        });
        Assert.True(engine.TryStart(1));
        SlotBench.Until(() => engine.TryStart(2)); // as soon as the first one runs
        Assert.False(engine.TryStart(3));
        gate.Release(2);
        SlotBench.Until(() => { lock (done) return done.Count == 2; });
        Assert.Equal([1, 2], done);

        engine.TryStart(4);
        engine.Abort(); // the wait throws, and that is fine
        Assert.True(engine.TryStart(5));
    }

    [Fact]
    public void AbortDropsWhatWaitsAndReturnsWhenNothingRuns()
    {
        bool entered = false, left = false;
        int ran = 0;
        using DeviceEngine<int> engine = DeviceEngine.Create<int>("test", (_, abort) =>
        {
            Interlocked.Increment(ref ran);
            Volatile.Write(ref entered, true);
            abort.WaitHandle.WaitOne();
            CancellationToken.None.Pause(TimeSpan.FromMilliseconds(30)); // it takes a while to stop
            Volatile.Write(ref left, true);
        });
        engine.Abort(); // nothing there yet
        engine.TryStart(1);
        SlotBench.Until(() => Volatile.Read(ref entered));
        engine.TryStart(2);
        engine.Abort();
        Assert.True(Volatile.Read(ref left));
        Assert.Equal(1, ran);

        Volatile.Write(ref entered, false);
        Assert.True(engine.TryStart(3)); // and it works on
        SlotBench.Until(() => Volatile.Read(ref entered));
        engine.Abort();
        Assert.Equal(2, ran);
    }

    [Fact]
    public void AnEngineThatEndedTakesNoCommand()
    {
        DeviceEngine<int> engine = DeviceEngine.Create<int>("test", (_, _) => { });
        engine.TryStart(1);
        engine.Dispose();
        engine.Dispose();
        Assert.Throws<ObjectDisposedException>(() => engine.TryStart(2));
    }

    [Fact]
    public void APauseLastsAsLongAsItSaysUnlessItIsCutShort()
    {
        foreach (double microseconds in new[] { 0, 300, 2500 })
        {
            long before = Stopwatch.GetTimestamp();
            Assert.True(CancellationToken.None.Pause(TimeSpan.FromMicroseconds(microseconds)));
            Assert.True(Stopwatch.GetElapsedTime(before).TotalMicroseconds >= microseconds);
        }

        using var abort = new CancellationTokenSource(TimeSpan.FromMilliseconds(10));
        Assert.False(abort.Token.Pause(TimeSpan.FromDays(1)));
        Assert.False(abort.Token.Pause(TimeSpan.Zero));
    }
}
