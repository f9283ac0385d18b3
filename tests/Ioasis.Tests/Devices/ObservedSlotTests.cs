using Ioasis.Core.Observation;
using Ioasis.Tests.Core;

namespace Ioasis.Tests.Devices;

/// <summary>What a driver does to a device, and the device to its driver, is told once and in order.</summary>
public sealed class ObservedSlotTests
{
    [Fact]
    public void DoorbellsInterruptsAndResetsAreTold()
    {
        var model = new RecordingModel();
        using var bench = new SlotBench(model);
        var seen = new EventRecorder();
        bench.Endpoint.Observers.Add(seen);
        List<int> toldAtRing = [];
        model.OnRing = (_, _) =>
        {
            toldAtRing.Add(seen.Events.Count); // the doorbell is told before the device hears of it
            model.Slot.RaiseMessage(3);
        };
        bench.Slot.Write(0, RecordingModel.First.Offset, 8, 0x1234_5678_9abc);
        bench.Slot.Write(0, RecordingModel.Parameter.Offset, 4, 1); // no doorbell
        model.Slot.SetInterruptLine(true);
        model.Slot.SetInterruptLine(true); // as it is
        bench.Slot.Reset();

        Assert.Equal([1], toldAtRing);
        EventStamp[] at = [.. seen.Stamps];
        Assert.Equal(
            [
                new DoorbellEvent(at[0], bench.Endpoint, 0, RecordingModel.First.Offset, 8, 0x1234_5678_9abc),
                new InterruptEvent(at[1], bench.Endpoint, 3, true),
                new InterruptEvent(at[2], bench.Endpoint, null, true),
                new ResetEvent(at[3], bench.Endpoint),
                new InterruptEvent(at[4], bench.Endpoint, null, false),
            ],
            seen.Events);
        Assert.Equal(1, model.Resets);
    }

    [Fact]
    public void ADescriptorIsADoorbellOf64Bytes()
    {
        var model = new ThrowingModel();
        using var bench = new SlotBench(model);
        var seen = new EventRecorder(EventKinds.Doorbell);
        bench.Endpoint.Observers.Add(seen);
        byte[] descriptor = new byte[64];
        descriptor[0] = 0x21;
        descriptor[7] = 0x80;
        bench.Slot.Submit(2, 0x40, descriptor);
        DoorbellEvent told = Assert.Single(seen.Of<DoorbellEvent>());
        Assert.Equal((2, 0x40ul, 64, 0x8000_0000_0000_0021ul), (told.Bar, told.Offset, told.Width, told.Value));

        // The same by a mapping of the portal.
        var mapped = bench.MapBar(2);
        mapped.Write(0x80, 0x7ul);
        bench.Slot.Look();
        SlotBench.Until(() => seen.Events.Count == 2);
        Assert.Equal((0x80ul, 7ul), (seen.Of<DoorbellEvent>()[1].Offset, seen.Of<DoorbellEvent>()[1].Value));
    }
}
