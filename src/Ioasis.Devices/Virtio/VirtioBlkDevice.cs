using Ioasis.Devices.Blocks;
using Ioasis.Devices.Virtio.Blk;

namespace Ioasis.Devices.Virtio;

/// <summary>A virtio block device (virtio 1.3, 5.2). See docs/devices/virtio.md.</summary>
public sealed class VirtioBlkDevice : VirtioDeviceModel
{
    /// <summary>The most queues.</summary>
    internal const int MostQueues = 16;

    private const int DeviceId = 2;
    private readonly VirtioBlkOptions _options;
    private BlockStore _store = null!;
    private BlkConfig _config;
    private BlkServer[] _servers = [];

    /// <summary>Makes a device. It opens its file when it is plugged in.</summary>
    /// <param name="options">Its options; null for 64 MiB of memory.</param>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of range.</exception>
    public VirtioBlkDevice(VirtioBlkOptions? options = null)
    {
        _options = options ?? new VirtioBlkOptions();
        ArgumentOutOfRangeException.ThrowIfLessThan(_options.Queues, 1, nameof(options));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(_options.Queues, MostQueues, nameof(options));
        VirtioRules.CheckQueueSize(_options.QueueSize, nameof(options));
        ulong features = BlkFeatures.All | (_options.ReadOnly ? BlkFeatures.ReadOnly : 0) | VirtioFeatures.Rings;
        Function = new VirtioFunction
        {
            DeviceId = DeviceId,
            Features = features & _options.Features,
            ConfigSize = BlkConfig.Size,
            Queues = [.. Enumerable.Range(0, _options.Queues)
                .Select(queue => new VirtioQueueLayout(_options.QueueSize, Group: 0, Worker: queue))],
        };
    }

    /// <inheritdoc/>
    public override VirtioFunction Function { get; }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The file cannot be opened, or has no sector.</exception>
    public override void Plug(IVirtioSlot slot)
    {
        ArgumentNullException.ThrowIfNull(slot);
        _store = BlockStore.Open(_options.File, _options.Size, _options.ReadOnly, "a virtio-blk");
        if (_store.Size < BlkConfig.SectorSize)
        {
            _store.Dispose();
            throw new ArgumentException($"A virtio-blk of {_store.Size} bytes has no sector; give it a \"size\".");
        }

        _config = new BlkConfig((ulong)_store.Size / BlkConfig.SectorSize, _options.Queues, _options.QueueSize);
        _servers = [.. Enumerable.Range(0, _options.Queues)
            .Select(queue => new BlkServer(slot.Queue(queue), slot, _store, _options))];
    }

    /// <inheritdoc/>
    public override void ReadConfig(int offset, Span<byte> destination) => _config.CopyTo(offset, destination);

    /// <inheritdoc/>
    public override void Start(ulong features)
    {
        foreach (BlkServer server in _servers) server.Start(features);
    }

    /// <inheritdoc/>
    public override void Serve(int worker, CancellationToken stop) => _servers[worker].Serve(stop);

    /// <inheritdoc/>
    public override void Unplug() => _store.Dispose();
}
