using System.Runtime.InteropServices;
using Ioasis.Client.Drivers;
using Ioasis.Memory;

namespace Ioasis.Examples.Dsa;

/// <summary>
/// A dedicated work queue. Its descriptors have the addresses of one address space: that of the DMA API for the
/// driver's own queue, a process's for a user queue. Any thread may call.
/// </summary>
public sealed class DsaQueue : IDisposable
{
    /// <summary>The most descriptors of a batch.</summary>
    public const int MostInBatch = 16;

    private const int LineSize = 64, PortalSize = 4096;

    // A place has the record, the records of a batch, and the batch.
    private const ulong PlaceSize = 2048, BatchRecords = 64, BatchList = 1024;

    private readonly DsaAccelerator _device;
    private readonly IDisposable _owner; // of the memory
    private readonly SharedBytes _memory;
    private readonly ulong _address; // of the memory, for the device
    private readonly DriverInterrupt _interrupt;
    private readonly Thread _thread;
    private readonly SemaphoreSlim _room;
    private readonly Lock _lock = new(); // guards what follows
    private readonly Place[] _places;
    private readonly Stack<Place> _free = [];
    private int _line; // of the portal, for the next descriptor
    private bool _isLive, _isFailed;
    private int _isClosed;

    internal DsaQueue(
        DsaAccelerator device, int index, Pasid? pasid, IDisposable owner, SharedBytes memory, ulong address)
    {
        (_device, Index, Pasid, _owner, _memory, _address) = (device, index, pasid, owner, memory, address);
        _places = [.. Enumerable.Range(0, device.EntriesOfQueue).Select(i => new Place(i))];
        foreach (Place place in _places) _free.Push(place);
        _room = new SemaphoreSlim(_places.Length);
        _interrupt = device.Function.OpenInterrupt(Vector);
        _thread = new Thread(Serve) { IsBackground = true, Name = $"dsa queue {index}" };
        _thread.Start();
    }

    /// <summary>The queue's number.</summary>
    public int Index { get; }

    /// <summary>The PASID that it sends; null if it sends none.</summary>
    public Pasid? Pasid { get; }

    /// <summary>How many descriptors can be in flight.</summary>
    public int Entries => _places.Length;

    /// <summary>
    /// Makes an address accessible, and says whether the descriptor goes on from there. It gets the address and whether
    /// it is to be written, and calls nothing of the queue. Null ends descriptors at a fault.
    /// </summary>
    public Func<ulong, bool, bool>? FaultHandler { get; set; }

    internal int Vector => 1 + Index; // the first is for errors

    /// <summary>By which descriptors name the interrupt.</summary>
    internal ushort Handle { get; set; }

    internal static ulong MemorySize(int entries) => (ulong)entries * PlaceSize;

    /// <summary>Does a descriptor, and waits for its interrupt.</summary>
    /// <param name="descriptor">The descriptor. What it names stays accessible until it has ended.</param>
    /// <param name="cancel">Honoured until the descriptor is submitted.</param>
    public Task<DsaResult> RunAsync(DsaDescriptor descriptor, CancellationToken cancel = default) =>
        RunAsync(place => descriptor, cancel);

    /// <summary>Does a batch in order, and waits for its interrupt. A fault in it is not gone on from.</summary>
    /// <param name="descriptors">2 to <see cref="MostInBatch"/> descriptors.</param>
    /// <param name="results">Gets the end of each.</param>
    /// <param name="stops">Whether nothing is done after a descriptor without success (a fence).</param>
    /// <param name="cancel">Honoured until the batch is submitted.</param>
    public Task<DsaResult> RunBatchAsync(
        DsaDescriptor[] descriptors, DsaResult[] results, bool stops = false, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(descriptors);
        ArgumentNullException.ThrowIfNull(results);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(descriptors.Length, MostInBatch);
        ArgumentOutOfRangeException.ThrowIfNotEqual(results.Length, descriptors.Length);
        return RunAsync(
            place =>
            {
                ulong records = At(place) + BatchRecords, list = At(place) + BatchList;
                for (int i = 0; i < descriptors.Length; i++)
                {
                    ulong record = records + (ulong)(i * DsaResult.RecordSize);
                    _memory.Write(record, 0UL);
                    _memory.Write(list + (ulong)(i * DsaDescriptor.Size), descriptors[i].With(
                        new Iova(_address + record), null, stops && i > 0 ? DsaFlags.Fence : 0));
                }

                place.BatchResults = results;
                return DsaDescriptor.Batch(new Iova(_address + list), descriptors.Length);
            }, cancel);
    }

    /// <summary>Submits a descriptor without interrupt. Allocates nothing.</summary>
    /// <param name="descriptor">The descriptor.</param>
    /// <param name="ticket">By which to ask for its end.</param>
    /// <returns>False if as many as possible are in flight.</returns>
    public bool TrySubmit(in DsaDescriptor descriptor, out int ticket)
    {
        ticket = -1;
        if (!_room.Wait(0)) return false;
        lock (_lock)
        {
            Place place = _free.Pop();
            ticket = place.Index;
            Begin(place, descriptor);
        }

        return true;
    }

    /// <summary>Looks whether a submitted descriptor has ended. Allocates nothing.</summary>
    /// <param name="ticket">Its ticket, which is used up if it has.</param>
    /// <param name="result">Its end.</param>
    public bool TryTake(int ticket, out DsaResult result)
    {
        lock (_lock)
        {
            Place place = _places[ticket];
            if (place is not { IsTaken: true, Waiter: null })
                throw new ArgumentException("Nothing was submitted by this ticket.", nameof(ticket));
            if (!TryEnd(place)) return Nothing(out result);
            result = place.Result;
            Free(place);
        }

        _room.Release();
        return true;

        static bool Nothing(out DsaResult result)
        {
            result = default;
            return false;
        }
    }

    /// <summary>Does a descriptor by polling.</summary>
    public DsaResult Run(in DsaDescriptor descriptor)
    {
        int ticket;
        SpinWait wait = default;
        while (!TrySubmit(in descriptor, out ticket)) wait.SpinOnce();
        DsaResult result;
        while (!TryTake(ticket, out result)) wait.SpinOnce(sleep1Threshold: 100);
        return result;
    }

    /// <summary>Closes a user queue: what is in flight ends first. The process's memory is out of reach then.</summary>
    public void Dispose() => _device.Close(this);

    /// <summary>From now on descriptors wait in their places.</summary>
    internal void Stop()
    {
        lock (_lock) _isLive = false;
    }

    /// <summary>
    /// Goes on after <see cref="Stop"/> and a reset. What the device had and has not ended is aborted; what waits is
    /// submitted.
    /// </summary>
    /// <param name="works">Whether the device works again. If not, all ends.</param>
    internal void Start(bool works)
    {
        lock (_lock)
        {
            // What goes on after a fault waits as long as the queue is not live.
            foreach (Place place in _places)
                if (place.IsTaken && !TryEnd(place) && (place.IsIssued || !works))
                    End(place, new DsaResult(DsaStatus.Aborted));
            (_isLive, _isFailed) = (works, !works);
            if (!works) return;
            foreach (Place place in _places)
                if (place is { IsTaken: true, IsEnded: false }) Issue(place);
        }
    }

    /// <summary>Whether a descriptor is in flight for too long.</summary>
    internal bool IsLate()
    {
        lock (_lock)
        {
            foreach (Place place in _places)
                if (place is { IsTaken: true, IsIssued: true } && Environment.TickCount64 >= place.Deadline
                    && !TryEnd(place)) return true;
            return false;
        }
    }

    /// <summary>Ends the thread; twice does no harm. No lock of the device may be held.</summary>
    internal void EndThread()
    {
        if (Interlocked.Exchange(ref _isClosed, 1) == 0) _interrupt.Signal();
        _thread.Join();
    }

    /// <summary>Ends what is left, and frees the memory. The device does not have the queue any more.</summary>
    internal void Free()
    {
        Start(works: false);
        SpinWait wait = default;
        while (HasWaiters()) wait.SpinOnce(); // until those who wait have seen the end
        _interrupt.Dispose();
        _owner.Dispose();
        _room.Dispose();
    }

    private async Task<DsaResult> RunAsync(Func<Place, DsaDescriptor> prepare, CancellationToken cancel)
    {
        await _room.WaitAsync(cancel).ConfigureAwait(false);
        TaskCompletionSource<DsaResult> waiter = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Place place;
        lock (_lock)
        {
            place = _free.Pop();
            place.Waiter = waiter;
            Begin(place, prepare(place));
        }

        DsaResult result = await waiter.Task.ConfigureAwait(false);
        lock (_lock) Free(place);
        _room.Release();
        return result;
    }

    private bool HasWaiters()
    {
        lock (_lock) return Array.Exists(_places, place => place.Waiter is not null);
    }

    private static ulong At(Place place) => (ulong)place.Index * PlaceSize;

    private void Serve()
    {
        for (long next = 0; Volatile.Read(ref _isClosed) == 0;)
        {
            _interrupt.Wait(TimeSpan.FromMilliseconds(DsaAccelerator.HealthCheck));
            lock (_lock)
                foreach (Place place in _places)
                    if (place.IsTaken) TryEnd(place);
            long now = Environment.TickCount64;
            if (now < next) continue;
            _device.CheckHealth(this);
            next = now + DsaAccelerator.HealthCheck;
        }
    }

    private void Begin(Place place, in DsaDescriptor descriptor)
    {
        (place.Descriptor, place.IsTaken, place.IsIssued, place.IsEnded, place.Before) =
            (descriptor, true, false, false, 0);
        if (_isFailed) End(place, new DsaResult(DsaStatus.Aborted));
        else if (_isLive) Issue(place);
    }

    private void Issue(Place place)
    {
        place.Deadline = Environment.TickCount64 + DsaAccelerator.Timeout;
        place.IsIssued = true;
        _memory.Write(At(place), 0UL);
        DsaDescriptor descriptor = place.Descriptor.With(
            new Iova(_address + At(place)), place.Waiter is null ? null : Handle);
        // Each descriptor has a line of its own until the page is through, as fewer are in flight than it has lines.
        ulong portal = ((ulong)Index * DsaRegister.PortalsOfQueue) + (ulong)(_line * LineSize);
        _line = (_line + 1) % (PortalSize / LineSize);
        _device.Portals.WriteLine(portal, MemoryMarshal.AsBytes(new ReadOnlySpan<DsaDescriptor>(ref descriptor)));
    }

    /// <summary>Whether a descriptor has ended. One that ended with a fault goes on if the handler says so.</summary>
    private bool TryEnd(Place place)
    {
        if (place.IsEnded) return true;
        if (!place.IsIssued) return false;
        DsaResult result = DsaResult.Read(_memory, At(place));
        if (result.Status == DsaStatus.None) return false;
        if (result.Status == DsaStatus.PageFault && place.BatchResults is null
            && FaultHandler is { } handler && handler(result.FaultAddress, result.FaultIsWrite))
        {
            place.Descriptor = place.Descriptor.After(in result);
            place.Before += result.Bytes;
            if (_isLive) Issue(place);
            else place.IsIssued = false;
            return false;
        }

        End(place, result with { Bytes = result.Bytes + place.Before });
        return true;
    }

    private void End(Place place, DsaResult result)
    {
        ulong records = At(place) + BatchRecords;
        for (int i = 0; i < place.BatchResults?.Length; i++)
            place.BatchResults[i] = DsaResult.Read(_memory, records + (ulong)(i * DsaResult.RecordSize));
        (place.IsEnded, place.Result) = (true, result);
        place.Waiter?.TrySetResult(result);
    }

    private void Free(Place place)
    {
        (place.IsTaken, place.Waiter, place.BatchResults) = (false, null, null);
        _free.Push(place);
    }

    /// <summary>Where a descriptor is while it is in flight.</summary>
    private sealed class Place(int index)
    {
        internal int Index => index;
        internal DsaDescriptor Descriptor { get; set; }
        internal TaskCompletionSource<DsaResult>? Waiter { get; set; } // of one that is not polled
        internal DsaResult[]? BatchResults { get; set; }
        internal bool IsTaken { get; set; }
        internal bool IsIssued { get; set; } // the device has it
        internal bool IsEnded { get; set; }
        internal DsaResult Result { get; set; }
        internal uint Before { get; set; } // bytes done before a fault
        internal long Deadline { get; set; }
    }
}
