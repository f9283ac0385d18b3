using Ioasis.Core.Dma;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Memory;

namespace Ioasis.Tests.Core;

/// <summary>
/// Between the begin and the end of a change of a process's memory no access of a device is under way, and each goes on
/// afterwards.
/// </summary>
public sealed class MemoryChangesTests
{
    private const byte Ours = 0x11, Poison = 0xee;
    private static readonly Pasid s_pasid = new(7);
    private readonly DmaBench _bench = new();
    private readonly OwnAddressSpace _memory = new();
    private volatile bool _stop;

    [Fact]
    public async Task NoWriteIsMadeWhileTheMemoryIsChanged()
    {
        HostBlock block = _memory.Allocate(0x1000);
        Endpoint[] devices = [_bench.NewEndpoint(), _bench.NewEndpoint()];
        foreach (Endpoint device in devices) device.Attach(s_pasid, new ProcessDomain(_bench.Unit, _memory));
        long[] written = new long[2];
        Task[] writers = [.. written.Select((_, i) => Task.Run(() => Write(devices[i], block, ref written[i])))];
        byte[] clean = new byte[4096], seen = new byte[4096];
        clean.AsSpan().Fill(Poison);
        for (int round = 0; round < 500; round++)
        {
            _memory.Changes.Begin();
            block.CopyFrom(0, clean);
            Thread.Yield();
            block.CopyTo(0, seen);
            _memory.Changes.End();
            Assert.True(seen.AsSpan().SequenceEqual(clean),
                $"round {round}: a device wrote while the memory was changed");
            long before = Interlocked.Read(ref written[round % 2]);
            SpinWait wait = default;
            // none waits for ever
            while (Interlocked.Read(ref written[round % 2]) == before) wait.SpinOnce(sleep1Threshold: -1);
        }

        _stop = true;
        await Task.WhenAll(writers);
        _memory.Free(block);
    }

    [Fact]
    public void OnlyWhileADeviceIsAttachedAreThereAnyToTell()
    {
        Endpoint one = _bench.NewEndpoint(), other = _bench.NewEndpoint();
        var domain = new ProcessDomain(_bench.Unit, _memory);
        Assert.False(_memory.Changes.HasNotifiers);
        one.Attach(s_pasid, domain);
        other.Attach(s_pasid, domain);
        other.Attach(new Pasid(8), new ProcessDomain(_bench.Unit, _memory));
        one.Attach(s_pasid, null);
        other.Attach(s_pasid, new ProcessDomain(_bench.Unit, new OwnAddressSpace()));
        Assert.True(_memory.Changes.HasNotifiers);
        other.Attach(new Pasid(8), null);
        Assert.False(_memory.Changes.HasNotifiers);
    }

    [Fact]
    public void ChangesOverlap()
    {
        _memory.Changes.Begin();
        _memory.Changes.Begin();
        _memory.Changes.End();
        Assert.True(_memory.Changes.IsUnderWay);
        _memory.Changes.End();
        Assert.False(_memory.Changes.IsUnderWay);
        _memory.Changes.Await();
    }

    private void Write(Endpoint device, HostBlock block, ref long count)
    {
        using DmaPort port = device.OpenPort();
        byte[] bytes = [.. Enumerable.Repeat(Ours, 64)];
        while (!_stop)
        {
            Assert.True(port.Write(s_pasid, new Iova((ulong)block.Address + 64), bytes).IsOk);
            Interlocked.Increment(ref count);
        }
    }
}
