using Ioasis.Client;
using Ioasis.Conformance.Dma;
using Ioasis.Core.PageRequests;
using Ioasis.Memory;

namespace Ioasis.Conformance.Sva;

/// <summary>Waits that hold no thread: for events, and for groups of page requests.</summary>
public sealed class AsyncTests : SvaTest
{
    [Fact]
    public async Task A_wait_for_an_event_completes_by_the_signal_and_takes_the_count()
    {
        using UserEvent raised = Nodes.CreateEvent();
        ValueTask<ulong> wait = raised.WaitAsync(TestContext.Current.CancellationToken);
        Assert.False(wait.IsCompleted);
        raised.Signal();
        Assert.Equal(1ul, await wait);
        raised.Signal();
        raised.Signal();
        Assert.Equal(2ul, await raised.WaitAsync(TestContext.Current.CancellationToken));
        Assert.Equal(0ul, raised.Wait(TimeSpan.Zero));
    }

    [Fact]
    public async Task A_cancelled_wait_takes_nothing_and_a_closed_event_ends_its_waits()
    {
        UserEvent raised = Nodes.CreateEvent();
        using (var source = new CancellationTokenSource())
        {
            Task<ulong> cancelled = raised.WaitAsync(source.Token).AsTask();
            Task<ulong> other = raised.WaitAsync(TestContext.Current.CancellationToken).AsTask();
            await source.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled);
            raised.Signal();
            Assert.Equal(1ul, await other);
        }

        Task<ulong> last = raised.WaitAsync(TestContext.Current.CancellationToken).AsTask();
        raised.Dispose();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => last);
        await Assert.ThrowsAsync<ObjectDisposedException>(
            () => raised.WaitAsync(TestContext.Current.CancellationToken).AsTask());
    }

    [Fact]
    public async Task Groups_of_page_requests_come_as_a_sequence_and_are_answered()
    {
        using Ioas ioas = Context.AllocateIoas();
        FaultQueue faults = Own(Sva.AllocateFaultQueue());
        Pasid pasid = Sva.AllocatePasid();
        Sva.Bind(pasid, ioas, faults);
        Device.Attach(Sva, pasid);
        Engine.Pasid = pasid.Value;
        Engine.UsePageRequests = true;
        using UserMemory memory = Pages(1);
        IAsyncEnumerator<PageFaultGroup> groups =
            faults.ReadGroupsAsync(TestContext.Current.CancellationToken).GetAsyncEnumerator(CancellationToken.None);
        Task<bool> next = groups.MoveNextAsync().AsTask();
        Assert.False(next.IsCompleted);
        Engine.Buffer = [.. Enumerable.Repeat((byte)9, 64), .. new byte[4032]];
        Engine.Begin(new Iova(0x10_0000), 64, 0);
        Assert.True(await next);
        PageFault request = Assert.Single(groups.Current.Requests);
        Assert.Equal((new Iova(0x10_0000), pasid, Device.Id, true),
            (request.Address, request.Pasid!.Value, request.DeviceId, request.IsLast));
        ioas.Map(memory, at: new Iova(0x10_0000));
        groups.Current.Respond(PageResponse.Success);
        Engine.Wait();
        Assert.Equal(DmatestEngine.Done, Engine.Status);
        Assert.Equal((byte)9, memory.Read<byte>(63));
        next = groups.MoveNextAsync().AsTask();
        faults.Dispose();
        Assert.False(await next); // the sequence ends with the queue
        await groups.DisposeAsync();
        Device.Detach(pasid);
    }
}
