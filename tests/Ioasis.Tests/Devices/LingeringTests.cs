using Ioasis.Devices;
using Ioasis.Devices.Slots;

namespace Ioasis.Tests.Devices;

/// <summary>An engine that polls in the place of the polling thread, which is stopped in one of its naps.</summary>
public sealed class LingeringTests : IDisposable
{
    private readonly ManualResetEventSlim _naps = new(), _goesOn = new();
    private readonly FakeSlot _slot = new();
    private readonly BarPoller _poller;

    public LingeringTests()
    {
        _poller = new BarPoller
        {
            ShortNap = _ =>
            {
                _naps.Set();
                _goesOn.Wait();
            },
        };
    }

    [Fact]
    public void ItPollsUntilTheEngineHasWork()
    {
        StopTheThread();
        var engine = new FakeEngine();
        int polls = 0;
        _slot.OnPoll = () =>
        {
            engine.IsWanted = ++polls == 10;
            return true; // a doorbell at each look
        };
        _poller.Linger(_slot, engine);
        Assert.Equal(10, polls);
    }

    [Fact]
    public void ItEndsWhenNothingHappens()
    {
        StopTheThread();
        int polls = 0;
        _slot.OnPoll = () => ++polls < 3;
        _poller.Linger(_slot, new FakeEngine());
        Assert.True(polls >= 3, $"{polls} polls");
    }

    [Fact]
    public void OneEnginePollsAtATime()
    {
        StopTheThread();
        var engine = new FakeEngine();
        int polls = 0;
        _slot.OnPoll = () =>
        {
            polls++;
            _poller.Linger(_slot, new FakeEngine()); // as another one
            engine.IsWanted = polls == 2;
            return true;
        };
        _poller.Linger(_slot, engine);
        Assert.Equal(2, polls);
    }

    [Fact]
    public void WithoutAMappedBarItReturns()
    {
        int polls = 0;
        _slot.OnPoll = () => ++polls > 0;
        _poller.Linger(_slot, new FakeEngine());
        Assert.Equal(0, polls);
    }

    [Fact]
    public void ItPollsNoOtherSlot()
    {
        var other = new FakeSlot();
        Assert.True(_poller.TryAdd(other));
        StopTheThread();
        int polls = 0;
        other.OnPoll = () => ++polls > 0;
        _poller.Linger(_slot, new FakeEngine());
        Assert.Equal(0, polls);
    }

    [Fact]
    public async Task TheThreadPollsOtherSlotsMeanwhile()
    {
        var other = new FakeSlot();
        Assert.True(_poller.TryAdd(other));
        StopTheThread();
        var engine = new FakeEngine();
        _slot.OnPoll = () => true; // a doorbell at each look: it would poll for ever
        other.OnPoll = () => engine.IsWanted = true;
        Task lingers = Task.Run(() => _poller.Linger(_slot, engine), TestContext.Current.CancellationToken);
        _goesOn.Set();
        await lingers;
    }

    /// <summary>The thread leaves the slot to an engine that polls, but not to one that is busy.</summary>
    [Fact]
    public async Task TheThreadPollsWhileTheEngineHasALongCommand()
    {
        StopTheThread();
        var engine = new FakeEngine();
        _slot.OnPoll = () => engine.IsWanted = true;
        _poller.Linger(_slot, engine);
        // The test must not go on in the thread, whose end it waits for.
        var polled = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _slot.OnPoll = () => polled.TrySetResult();
        _goesOn.Set();
        await polled.Task;
    }

    public void Dispose()
    {
        _goesOn.Set();
        _poller.Dispose();
        _naps.Dispose();
        _goesOn.Dispose();
    }

    private void StopTheThread()
    {
        Assert.True(_poller.TryAdd(_slot));
        // where it lost the processor for long, it takes naps of another kind until something happens
        SlotBench.Until(() =>
        {
            _poller.Expect();
            return _naps.IsSet;
        });
    }

    private sealed class FakeSlot : IPolledSlot
    {
        internal Func<bool> OnPoll { get; set; } = () => false;

        public bool TryPoll() => OnPoll();
    }

    private sealed class FakeEngine : IDeviceEngine
    {
        private volatile bool _isWanted;

        public string Name => "engine";

        public bool IsBusy => false;

        public bool IsWanted
        {
            get => _isWanted;
            set => _isWanted = value;
        }

        public bool HasEnded => false;
    }
}
