using Ioasis.Devices.Virtio;

namespace Ioasis.Tests.Vdpa;

/// <summary>A virtio device with three queues in two groups that serves nothing.</summary>
internal sealed class TestVirtio : VirtioDeviceModel
{
    internal const ulong Features = 0x3_0883_0028;
    internal const int ConfigBytes = 24, QueueSize = 256;

    private readonly byte[] _config = new byte[ConfigBytes];

    public override VirtioFunction Function { get; } = new()
    {
        DeviceId = 1,
        Features = Features,
        Queues = [new(QueueSize, 0, 0), new(QueueSize, 0, 0), new(QueueSize, 1, 1)],
        ConfigSize = ConfigBytes,
    };

    internal IVirtioSlot? Slot { get; private set; }

    internal int Served => Volatile.Read(ref _served);

    private int _served;

    public override void Plug(IVirtioSlot slot) => Slot = slot;

    public override void ReadConfig(int offset, Span<byte> destination) =>
        _config.AsSpan(offset, destination.Length).CopyTo(destination);

    public override bool WriteConfig(int offset, ReadOnlySpan<byte> source)
    {
        source.CopyTo(_config.AsSpan(offset));
        return true;
    }

    public override void Serve(int worker, CancellationToken stop) => Interlocked.Increment(ref _served);
}
