using System.Runtime.InteropServices;
using System.Threading.Channels;
using Ioasis.Client.Drivers;
using Ioasis.Core;
using Ioasis.Core.DmaApi;

namespace Ioasis.Examples.VirtioNet;

/// <summary>How the driver sets a card up.</summary>
public sealed record VirtioNicOptions
{
    /// <summary>Most entries of a queue, a power of two.</summary>
    public int Entries { get; init; } = 256;

    /// <summary>Received frames that wait for the program; more are dropped.</summary>
    public int Waiting { get; init; } = 1024;

    /// <summary>Whether threads look at the rings all the time, instead of waiting for interrupts.</summary>
    public bool Polls { get; init; }

    /// <summary>How often the driver looks whether the card works.</summary>
    public TimeSpan HealthCheck { get; init; } = TimeSpan.FromMilliseconds(100);
}

/// <summary>
/// A virtio network card with one pair of queues. Frames are sent from the caller's memory, which is mapped for each;
/// they are received into buffers that stay mapped and are synchronized. All that the driver knows of its home is a
/// <see cref="DriverFunction"/>.
/// </summary>
public sealed class VirtioNic : IDisposable
{
    private const int ReceiveQueue = 0, SendQueue = 1;
    private const int FrameHeader = 14, VlanTag = 4, PacketHeader = 12;
    private const int CacheLine = 64;
    private const int MostRestarts = 3, DefaultMtu = 1500, Vectors = 3;

    private readonly VirtioTransport _transport;
    private readonly DriverFunction _function;
    private readonly VirtioNicOptions _options;
    private readonly Channel<byte[]> _received;
    private readonly List<(DriverInterrupt? Interrupt, Thread Thread)> _threads = [];
    private readonly Lock _control = new(); // guards the transport, before the locks of the queues
    private ulong _features;
    private readonly ManualResetEventSlim _closing = new();
    private int _starts, _isClosed;
    private volatile bool _isUp;

    private readonly Lock _receiving = new(); // guards what follows
    private readonly SplitRing _receiveRing;
    private readonly int _longest; // received, with its header
    private readonly DmaMemory _memory; // for all of the buffers, each in cache lines of its own
    private readonly ReceiveBuffer[] _buffers;
    private long _dropped;

    private readonly SemaphoreSlim _room;
    private readonly Lock _sending = new(); // guards what follows
    private readonly SplitRing _sendRing;
    private readonly DmaBuffer _packetHeader; // zeros: nothing is left for the card to do
    private readonly TaskCompletionSource<bool>?[] _sends;
    private readonly Stack<int> _free = [];
    private bool _isLive;

    /// <summary>Takes a card and sets it up.</summary>
    /// <param name="function">The function; dispose it after this.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <exception cref="IOException">It is no virtio network card of version 1, or does not work.</exception>
    public VirtioNic(DriverFunction function, VirtioNicOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(function);
        (_function, _options) = (function, options ?? new VirtioNicOptions());
        function.Dma.SetMaskAndCoherent(64);
        _received = Channel.CreateBounded<byte[]>(_options.Waiting);
        _transport = new VirtioTransport(function);
        if (!_transport.TryReset() || (_features = _transport.Negotiate()) == 0)
        {
            _transport.Dispose();
            throw new IOException($"{function.Name} does not have the features that the driver needs.");
        }

        Configuration configuration = _transport.ReadConfiguration<Configuration>();
        Mtu = (_features & VirtioFeature.Mtu) != 0 ? configuration.Mtu : DefaultMtu;
        _receiveRing = new SplitRing(function.Dma, EntriesOf(ReceiveQueue));
        _sendRing = new SplitRing(function.Dma, EntriesOf(SendQueue));
        Must(function.Dma.AllocateCoherent(PacketHeader, out DmaBuffer? header));
        _packetHeader = header!;
        _buffers = new ReceiveBuffer[_receiveRing.Size];
        _longest = PacketHeader + FrameHeader + VlanTag + Mtu;
        ulong each = (ulong)(_longest + CacheLine - 1) / CacheLine * CacheLine;
        _memory = function.Dma.Space.AllocateMemory((ulong)_buffers.Length * each);
        for (int i = 0; i < _buffers.Length; i++)
        {
            ulong offset = (ulong)i * each;
            Must(function.Dma.Map(_memory, offset, (ulong)_longest, DmaDirection.FromDevice, out DmaMapping mapping));
            _buffers[i] = new ReceiveBuffer(offset, mapping);
        }

        _sends = new TaskCompletionSource<bool>?[_sendRing.Size / 2]; // a chain has two descriptors
        for (int i = 0; i < _sends.Length; i++) _free.Push(i);
        _room = new SemaphoreSlim(_sends.Length);
        IsPolled = _options.Polls || function.InterruptCount < Vectors;
        if (!Restart(0))
        {
            Dispose();
            throw new IOException($"{function.Name} does not start.");
        }

        Serve(0, "configuration", () => { });
        Serve(1, "receive", Receive);
        Serve(2, "send", EndSends);
    }

    /// <summary>The card's address.</summary>
    public ReadOnlyMemory<byte> Mac { get; private set; }

    /// <summary>The longest packet in bytes, after a frame's header.</summary>
    public int Mtu { get; }

    /// <summary>Whether the link is up, as the card said last.</summary>
    public bool IsUp => _isUp;

    /// <summary>Whether threads look at the rings all the time.</summary>
    public bool IsPolled { get; }

    /// <summary>How often the card was reset since it was set up.</summary>
    public int Resets => Volatile.Read(ref _starts) - 1;

    /// <summary>How many frames were dropped, as nobody took those before them.</summary>
    public long Dropped => Interlocked.Read(ref _dropped);

    /// <summary>What was received: frames from the destination address on.</summary>
    public ChannelReader<byte[]> Received => _received.Reader;

    /// <summary>
    /// Called by a thread of the driver when the link has gone up or down. It calls nothing of the driver.
    /// </summary>
    public event Action<bool>? LinkChanged;

    /// <summary>Sends a frame.</summary>
    /// <param name="frame">The frame, from the destination address on. It stays as it is until the card has read
    /// it.</param>
    /// <param name="cancel">Honoured until there is room.</param>
    /// <returns>Whether the card has it; false if a reset came first, or the driver is disposed.</returns>
    /// <exception cref="IOException">The frame cannot be mapped.</exception>
    public async ValueTask<bool> SendAsync(ReadOnlyMemory<byte> frame, CancellationToken cancel = default)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(frame.Length, FrameHeader + VlanTag + Mtu, nameof(frame));
        await _room.WaitAsync(cancel).ConfigureAwait(false);
        try
        {
            Must(_function.Dma.Map(MemoryMarshal.AsMemory(frame), DmaDirection.ToDevice, out DmaMapping mapping));
            using DmaMapping _ = mapping; // unmapped when the card has used it, or is reset
            var sent = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
            int slot;
            lock (_sending)
            {
                if (!_isLive) return false;
                slot = _free.Pop();
                _sends[slot] = sent;
                int head = 2 * slot;
                _sendRing.Describe(head, _packetHeader.Address, PacketHeader, isWritable: false, head + 1);
                _sendRing.Describe(head + 1, mapping.Address, frame.Length, isWritable: false);
                _sendRing.Offer(head);
                if (_sendRing.Publish()) _transport.Notify(SendQueue, _sendRing);
            }

            return await sent.Task.ConfigureAwait(false);
        }
        finally
        {
            _room.Release();
        }
    }

    /// <summary>Resets the card. Frames on their way are lost.</summary>
    /// <exception cref="IOException">The card does not work any more.</exception>
    public void Reset()
    {
        if (!Restart(Volatile.Read(ref _starts))) throw new IOException($"{_function.Name} does not start.");
    }

    /// <summary>Stops the card.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isClosed, 1) != 0) return;
        _closing.Set();
        foreach ((DriverInterrupt? interrupt, _) in _threads) interrupt?.Signal();
        foreach ((_, Thread thread) in _threads) thread.Join();
        lock (_control)
        {
            if (!_transport.TryReset()) _function.Reset();
            _function.EnableBusMaster(false); // no DMA is left, whatever the card thinks
            lock (_sending) LoseSends();
        }

        for (int i = 0; i < _sends.Length; i++) _room.Wait(); // until those who send have unmapped
        foreach ((DriverInterrupt? interrupt, _) in _threads) interrupt?.Dispose();
        foreach (ReceiveBuffer buffer in _buffers) buffer.Mapping.Dispose();
        _memory.Dispose();
        _received.Writer.TryComplete();
        _packetHeader.Dispose();
        _receiveRing.Dispose();
        _sendRing.Dispose();
        _transport.Dispose();
        _room.Dispose();
        _closing.Dispose();
    }

    /// <summary>Restarts the card, unless somebody did since <paramref name="starts"/> was read.</summary>
    private bool Restart(int starts)
    {
        lock (_control)
        {
            if (_starts != starts || _isClosed != 0) return true;
            lock (_receiving)
            {
                lock (_sending)
                {
                    bool works = false;
                    for (int i = 0; i < MostRestarts && !works; i++)
                    {
                        // What is on its way is lost when the card uses no ring any more.
                        if ((i > 0 && _function.Reset() != IommuStatus.Ok) || !_transport.TryReset()) continue;
                        LoseSends();
                        works = TryStart();
                    }

                    Volatile.Write(ref _starts, starts + 1);
                    if (!works)
                    {
                        _function.EnableBusMaster(false); // no DMA is left, whatever the card thinks
                        LoseSends();
                        return false;
                    }

                    _isLive = true;
                    if (_receiveRing.Publish()) _transport.Notify(ReceiveQueue, _receiveRing);
                }
            }

            ReadLink();
            return true;
        }
    }

    private bool TryStart()
    {
        if ((_features = _transport.Negotiate()) == 0) return false;
        _receiveRing.Clear(_features);
        _sendRing.Clear(_features);
        for (int i = 0; i < _buffers.Length; i++) OfferBuffer(i);
        (ushort configuration, ushort receive, ushort send) = IsPolled
            ? (VirtioRegister.NoVector, VirtioRegister.NoVector, VirtioRegister.NoVector)
            : ((ushort)0, (ushort)1, (ushort)2);
        if (!_transport.TrySetConfigurationVector(configuration)
            || !_transport.TryEnable(ReceiveQueue, _receiveRing, receive)
            || !_transport.TryEnable(SendQueue, _sendRing, send)) return false;
        _transport.Status |= VirtioStatus.DriverOk;
        return true;
    }

    private void LoseSends()
    {
        _isLive = false;
        for (int i = 0; i < _sends.Length; i++)
            if (_sends[i] is not null) EndSend(i, isSent: false);
    }

    private void EndSend(int slot, bool isSent)
    {
        _sends[slot]!.SetResult(isSent);
        _sends[slot] = null;
        _free.Push(slot);
    }

    /// <summary>Reads the link's state and the card's address.</summary>
    private void ReadLink()
    {
        Configuration configuration = _transport.ReadConfiguration<Configuration>();
        if ((_features & VirtioFeature.Mac) != 0) Mac = configuration.Mac.ToArray();
        bool isUp = (_features & VirtioFeature.Status) == 0 || (configuration.Status & 1) != 0;
        if (isUp == _isUp) return;
        _isUp = isUp;
        LinkChanged?.Invoke(isUp);
    }

    /// <summary>A thread that serves an interrupt, or polls. The first one looks after the card, too.</summary>
    private void Serve(int vector, string name, Action serve)
    {
        DriverInterrupt? interrupt = IsPolled ? null : _function.OpenInterrupt(vector);
        var thread = new Thread(() =>
        {
            SpinWait wait = default;
            while (Volatile.Read(ref _isClosed) == 0)
            {
                if (interrupt is not null) interrupt.Wait(_options.HealthCheck);
                else if (vector == 0) _closing.Wait(_options.HealthCheck);
                else wait.SpinOnce(sleep1Threshold: -1);
                serve();
                if (vector == 0) CheckHealth();
            }
        })
        { IsBackground = true, Name = $"virtio-net {name}" };
        _threads.Add((interrupt, thread));
        thread.Start();
    }

    /// <summary>Restarts a card that wants it, or that was reset by somebody else.</summary>
    private void CheckHealth()
    {
        int starts = Volatile.Read(ref _starts);
        bool works;
        lock (_control)
        {
            VirtioStatus status = _transport.Status;
            works = (status & VirtioStatus.DriverOk) != 0 && (status & VirtioStatus.NeedsReset) == 0;
            if (works) ReadLink();
        }

        if (!works) Restart(starts);
    }

    private void Receive()
    {
        lock (_receiving)
        {
            do
            {
                while (_receiveRing.TryTake(out uint head, out uint length))
                {
                    if (head >= _buffers.Length) continue; // the card's mistake
                    ReceiveBuffer buffer = _buffers[head];
                    length = Math.Min(length, (uint)_longest);
                    buffer.Mapping.SyncForCpu(0, length);
                    if (length > PacketHeader && !_received.Writer.TryWrite(FrameOf(buffer, length))) _dropped++;
                    buffer.Mapping.SyncForDevice(0, length);
                    OfferBuffer((int)head);
                }

                if (_receiveRing.Publish()) _transport.Notify(ReceiveQueue, _receiveRing);
            }
            while (!_receiveRing.TryArm());
        }
    }

    private void OfferBuffer(int index)
    {
        ReceiveBuffer buffer = _buffers[index];
        _receiveRing.Describe(index, buffer.Mapping.Address, _longest, isWritable: true);
        _receiveRing.Offer(index);
    }

    private byte[] FrameOf(ReceiveBuffer buffer, uint length)
    {
        var frame = new byte[length - PacketHeader];
        _memory.Bytes.CopyTo(buffer.Offset + PacketHeader, frame);
        return frame;
    }

    private void EndSends()
    {
        lock (_sending)
        {
            do
            {
                while (_sendRing.TryTake(out uint head, out _))
                    if (head / 2 < _sends.Length && _sends[head / 2] is not null) EndSend((int)head / 2, isSent: true);
            }
            while (!_sendRing.TryArm());
        }
    }

    private int EntriesOf(int queue)
    {
        int entries = Math.Min(_transport.MostEntries(queue), _options.Entries);
        return entries >= 2 ? entries : throw new IOException($"{_function.Name} has no queue {queue}.");
    }

    private static void Must(IommuStatus status)
    {
        if (status != IommuStatus.Ok) throw new IOException($"No memory for the card: {status}.");
    }

    private readonly record struct ReceiveBuffer(ulong Offset, DmaMapping Mapping);

    /// <summary>The device's configuration (virtio 1.3, 5.1.4).</summary>
    [StructLayout(LayoutKind.Explicit, Size = 12)]
    private struct Configuration
    {
        [FieldOffset(0)] private ulong _mac;
        [FieldOffset(6)] public ushort Status;
        [FieldOffset(10)] public ushort Mtu;

        internal readonly byte[] Mac => BitConverter.GetBytes(_mac)[..6];
    }
}
