using System.Buffers.Binary;
using Ioasis.Devices.Net;
using Ioasis.Devices.Virtio.Net;

namespace Ioasis.Devices.Virtio;

/// <summary>A virtio network card (virtio 1.3, 5.1). See docs/devices/virtio.md.</summary>
public sealed class VirtioNetDevice : VirtioDeviceModel, INetCard
{
    /// <summary>The most pairs of queues.</summary>
    internal const int MostPairs = 8;

    internal const int LeastMtu = 68, MostMtu = 65535;

    private const int DeviceId = 1, ConfigSize = 24;
    private const int StatusOffset = 6, PairsOffset = 8, MtuOffset = 10;
    private const int DataGroup = 0, ControlGroup = 1;
    private readonly VirtioNetOptions _options;
    private readonly NetControl _control;
    private IVirtioSlot _slot = null!;
    private NetPair[] _pairs = [];
    private NetConnection? _connection;
    private ulong _mac; // as the driver wrote it to the configuration, or the card's own
    private ulong _features;
    private volatile NetFilter _filter;
    private volatile int _activePairs = 1;
    private volatile bool _isStarted;

    /// <summary>Makes a card.</summary>
    /// <param name="options">Its options; null for the defaults.</param>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of range.</exception>
    public VirtioNetDevice(VirtioNetOptions? options = null)
    {
        _options = options ?? new VirtioNetOptions();
        ArgumentOutOfRangeException.ThrowIfLessThan(_options.Pairs, 1, nameof(options));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(_options.Pairs, MostPairs, nameof(options));
        ArgumentOutOfRangeException.ThrowIfLessThan(_options.Mtu, LeastMtu, nameof(options));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(_options.Mtu, MostMtu, nameof(options));
        VirtioRules.CheckQueueSize(_options.QueueSize, nameof(options));
        ulong features = NetFeatures.All | (_options.Pairs > 1 ? NetFeatures.MultiQueue : 0) | VirtioFeatures.Rings;
        var control = new VirtioQueueLayout(_options.QueueSize, ControlGroup, Worker: _options.Pairs);
        Function = new VirtioFunction
        {
            DeviceId = DeviceId,
            Features = features & _options.Features,
            ConfigSize = ConfigSize,
            Queues = [.. Enumerable.Range(0, 2 * _options.Pairs)
                .Select(queue => new VirtioQueueLayout(_options.QueueSize, DataGroup, queue / 2)), control],
        };
        _mac = _options.Mac;
        _filter = new NetFilter { Mac = _mac };
        _control = new NetControl(this);
    }

    /// <inheritdoc/>
    public override VirtioFunction Function { get; }

    /// <summary>What the driver wants to get.</summary>
    internal NetFilter Filter => _filter;

    /// <summary>The file of all frames; null for none.</summary>
    internal NetCapture? Capture { get; private set; }

    private bool HasManyPairs => (_features & NetFeatures.MultiQueue) != 0;

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The link or the capture cannot be used.</exception>
    public override void Plug(IVirtioSlot slot)
    {
        ArgumentNullException.ThrowIfNull(slot);
        _slot = slot;
        _pairs = [.. Enumerable.Range(0, _options.Pairs)
            .Select(i => new NetPair(this, i, slot.Queue(2 * i), slot.Queue((2 * i) + 1)))];
        if (_options.Capture is { } path) Capture = new NetCapture(path);
        try
        {
            _connection = _options.Link?.Connect(this);
        }
        catch
        {
            Capture?.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public override void ReadConfig(int offset, Span<byte> destination)
    {
        Span<byte> all = stackalloc byte[ConfigSize];
        all.Clear();
        NetFrame.WriteAddress(all, _filter.Mac);
        BinaryPrimitives.WriteUInt16LittleEndian(all[StatusOffset..], (ushort)(_connection?.IsUp == false ? 0 : 1));
        BinaryPrimitives.WriteUInt16LittleEndian(all[PairsOffset..], (ushort)_options.Pairs);
        BinaryPrimitives.WriteUInt16LittleEndian(all[MtuOffset..], (ushort)_options.Mtu);
        all.Slice(offset, destination.Length).CopyTo(destination);
    }

    /// <summary>Only the MAC address can be written. It stays over a reset.</summary>
    /// <inheritdoc/>
    public override bool WriteConfig(int offset, ReadOnlySpan<byte> source)
    {
        if (offset >= NetFrame.AddressSize) return false;
        Span<byte> address = stackalloc byte[NetFrame.AddressSize];
        NetFrame.WriteAddress(address, _filter.Mac);
        source[..Math.Min(source.Length, NetFrame.AddressSize - offset)].CopyTo(address[offset..]);
        _mac = NetFrame.Address(address);
        ulong mac = _mac;
        ChangeFilter(filter => filter with { Mac = mac });
        return true;
    }

    /// <inheritdoc/>
    public override void Start(ulong features)
    {
        _features = features;
        foreach (NetPair pair in _pairs) pair.Start(features);
        _control.Start(features);
        if ((features & NetFeatures.ControlVlan) != 0)
            _filter = _filter with { WantedVlans = new bool[NetFilter.Vlans] };
        _isStarted = true;
    }

    /// <inheritdoc/>
    public override void Serve(int worker, CancellationToken stop)
    {
        // the control queue comes after all pairs, or after the first if the driver knows of one only
        int control = HasManyPairs ? _options.Pairs : 1;
        if (worker == control) _control.Serve(_slot.Queue(2 * control), stop);
        else if (worker < _options.Pairs) _pairs[worker].Serve(stop);
        Capture?.Flush();
    }

    /// <inheritdoc/>
    public override void Reset()
    {
        _isStarted = false;
        _activePairs = 1;
        _features = 0;
        _filter = new NetFilter { Mac = _mac };
        foreach (NetPair pair in _pairs) pair.Reset();
    }

    /// <inheritdoc/>
    public override void Unplug()
    {
        _connection?.Dispose();
        Capture?.Dispose();
    }

    void INetCard.Receive(int queue, ReadOnlySpan<byte> frame)
    {
        if (!_isStarted || frame.Length is < NetFrame.HeaderSize or > NetFrame.MostBytes) return;
        if (!_filter.Accepts(frame)) return;
        Capture?.Add(frame);
        ReceiveAt(_pairs[queue % _activePairs], frame);
    }

    void INetCard.Writable()
    {
        foreach (NetPair pair in _pairs)
        {
            pair.Writable();
            _slot.Wake(pair.Number);
        }
    }

    void INetCard.LinkChanged() => _slot.ConfigChanged();

    /// <summary>Changes what the driver wants to get, in one step.</summary>
    internal void ChangeFilter(Func<NetFilter, NetFilter> change)
    {
        NetFilter old;
        do old = _filter;
        while (Interlocked.CompareExchange(ref _filter, change(old), old) != old);
    }

    /// <summary>The pair that gets what another one sends; null if the card has a link.</summary>
    internal NetPair? Loopback(NetPair sender) =>
        _connection is not null ? null : sender.Number < _activePairs ? sender : _pairs[0];

    /// <summary>Sends a frame to the link; false if it has no room.</summary>
    internal bool TrySend(int pair, ReadOnlySpan<byte> frame) => _connection!.TrySend(pair, frame);

    /// <summary>Leaves a frame to a pair's own thread.</summary>
    internal void ReceiveAt(NetPair pair, ReadOnlySpan<byte> frame)
    {
        pair.Receive(frame);
        _slot.Wake(pair.Number);
    }

    internal bool TrySetActivePairs(int pairs)
    {
        if (pairs < 1 || pairs > _options.Pairs) return false;
        _activePairs = pairs;
        return true;
    }
}
