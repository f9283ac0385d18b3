using System.Globalization;
using Ioasis.Core.Dma;
using Ioasis.Core.Endpoints;
using Ioasis.Core.PageRequests;
using Ioasis.Memory;

namespace Ioasis.Tests.Fuzz;

/// <summary>One run of several threads from a seed, with DMA meanwhile, and what must hold after it.</summary>
internal sealed class FuzzRun : IDisposable
{
    private const int Outstanding = 64; // page requests, as a device's capability would say
    private static readonly TimeSpan s_stuck = TimeSpan.FromSeconds(60);
    private readonly FuzzWorld _world;
    private readonly FuzzThread[] _threads;
    private readonly int _seed;
    private volatile bool _over;
    private int _asked, _answered;

    internal FuzzRun(int seed, int threads)
    {
        _seed = seed;
        _world = new FuzzWorld(seed);
        _threads = [.. Enumerable.Range(0, threads).Select(i => new FuzzThread(_world, (seed * 64) + i))];
    }

    /// <summary>How many calls were made, and how many succeeded.</summary>
    internal (long All, long Succeeded) Calls => (_threads.Sum(t => t.Calls), _threads.Sum(t => t.Succeeded));

    /// <summary>What the calls were answered, one kind of call a line.</summary>
    internal string Answers => string.Join('\n', _threads.SelectMany(t => t.Answers)
        .GroupBy(a => a.Key.Name, StringComparer.Ordinal).OrderBy(g => g.Key, StringComparer.Ordinal)
        .Select(g =>
            $"{g.Key}: {string.Join(' ', g.GroupBy(a => a.Key.Errno).Select(e => $"{e.Key}={e.Sum(a => a.Value)}"))}"));

    /// <summary>How many groups of page requests were sent.</summary>
    internal int Asked => _asked;

    /// <summary>Makes calls until each thread has made as many, then closes all and looks.</summary>
    internal async Task PlayAsync(int callsPerThread)
    {
        Task[] programs = [.. _threads.Select(t => Start(() => Hammer(t, callsPerThread)))];
        Task[] engines =
            [.. _world.MachineDevices.Select((d, i) => Start(() => Dma(d.Endpoint, new Random(_seed + i))))];
        try
        {
            await Watch(programs);
            _over = true;
            await Task.WhenAll(engines).WaitAsync(s_stuck);
            await Start(_world.Files.CloseAll).WaitAsync(s_stuck);
            foreach (FuzzThread thread in _threads) thread.Dispose();
            _world.AssertGivenBack();
            Assert.Equal(_asked, _answered);
        }
        catch (Exception e)
        {
            _over = true;
            throw new InvalidOperationException(string.Create(CultureInfo.InvariantCulture,
                    $"seed {_seed}, {_threads.Length} threads: {e.Message}\n{Dump()}"), e);
        }
    }

    public void Dispose() => _world.Dispose();

    private static Task Start(Action action) =>
        Task.Factory.StartNew(action, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    private void Hammer(FuzzThread thread, int calls)
    {
        try
        {
            while (thread.Calls < calls && !_over) thread.Step();
        }
        catch (Exception e)
        {
            _over = true;
            throw new InvalidOperationException($"{thread.Doing}: {e.Message}", e);
        }
    }

    /// <summary>What a device's engine does, which pays no heed to what programs are about.</summary>
    private void Dma(Endpoint endpoint, Random random)
    {
        using DmaPort port = endpoint.OpenPort();
        byte[] data = new byte[256];
        while (!_over)
        {
            for (int i = 0; i < 200; i++)
            {
                var iova = new Iova((ulong)random.Next(32 * 4096));
                int length = random.Next(1, data.Length);
                if (random.Next(4) == 0) port.Read(new Pasid((uint)random.Next(1, 9)), iova, data.AsSpan(0, length));
                else if (random.Next(2) == 0) port.Read(iova, data.AsSpan(0, length));
                else port.Write(iova, data.AsSpan(0, length));
                if (random.Next(50) == 0 && _asked - _answered < Outstanding) Ask(endpoint, random, iova);
            }

            Thread.Yield();
        }
    }

    /// <summary>
    /// Invariant 4: each group of page requests is answered exactly once, whatever becomes of its queue, page table and
    /// device.
    /// </summary>
    private void Ask(Endpoint endpoint, Random random, Iova address)
    {
        Pasid? pasid = random.Next(4) == 0 ? new Pasid((uint)random.Next(1, 9)) : null;
        bool last = random.Next(3) != 0;
        int answers = 0;
        if (last) Interlocked.Increment(ref _asked);
        bool sent = endpoint.RequestPage(new PageRequest(pasid, (uint)random.Next(4), PageRequestAccess.Read, address,
                last), last ? Answered : null);
        if (sent || !last) return;
        Interlocked.Decrement(ref _asked); // what was not sent gets no answer
        if (Volatile.Read(ref answers) != 0)
            throw new InvalidOperationException("A page request that was not sent was answered.");

        void Answered(PageResponse response)
        {
            if (Interlocked.Increment(ref answers) != 1)
                throw new InvalidOperationException("A group of page requests was answered twice.");
            Interlocked.Increment(ref _answered);
        }
    }

    /// <summary>
    /// Waits for the threads; one whose call does not end is a failure, and the rest could not be trusted.
    /// </summary>
    private async Task Watch(Task[] threads)
    {
        Task programs = Task.WhenAll(threads);
        long[] seen = [.. _threads.Select(_ => -1L)];
        while (await Task.WhenAny(programs, Task.Delay(s_stuck)) != programs)
        {
            for (int i = 0; i < seen.Length; i++)
            {
                if (_threads[i].Calls == seen[i] && !threads[i].IsCompleted)
                    throw new TimeoutException($"thread {i} is stuck");
                seen[i] = _threads[i].Calls;
            }
        }

        await programs;
    }

    private string Dump() => string.Join('\n', _threads.Select((t, i) => $"  thread {i}: {t.Doing}"));
}
