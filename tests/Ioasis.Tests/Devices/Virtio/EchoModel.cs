using Ioasis.Devices.Virtio;

namespace Ioasis.Tests.Devices.Virtio;

/// <summary>Copies the readable bytes of each chain to the writable ones. Queues 0 and 1 share a worker.</summary>
internal sealed class EchoModel : VirtioDeviceModel
{
    internal const ulong ManyAtOnce = 1;
    private readonly VirtChain _chain = new();
    private readonly VirtChain _other = new();
    private readonly byte[] _buffer = new byte[1 << 16];
    private IVirtioSlot _slot = null!;

    internal int Starts { get; private set; }

    internal int Resets { get; private set; }

    internal ulong Features { get; private set; }

    internal byte[] Config { get; } = new byte[16];

    /// <summary>Called for each chain that was taken.</summary>
    internal Action<CancellationToken>? Taken { get; set; }

    internal Action? Throws { get; set; }

    internal IVirtioSlot Slot => _slot;

    public override VirtioFunction Function { get; } = new()
    {
        DeviceId = 99,
        Features = VirtioFeatures.Rings | ManyAtOnce,
        ConfigSize = 16,
        Queues = [new(256, 0, 0), new(256, 0, 0), new(256, 1, 1)],
    };

    public override void Plug(IVirtioSlot slot) => _slot = slot;

    public override void ReadConfig(int offset, Span<byte> destination)
    {
        Throws?.Invoke();
        Config.AsSpan(offset, destination.Length).CopyTo(destination);
    }

    public override bool WriteConfig(int offset, ReadOnlySpan<byte> source)
    {
        source.CopyTo(Config.AsSpan(offset));
        return true;
    }

    public override void Start(ulong features)
    {
        Starts++;
        Features = features;
    }

    public override void Serve(int worker, CancellationToken stop)
    {
        Throws?.Invoke();
        VirtChain chain = worker == 0 ? _chain : _other;
        byte[] buffer = worker == 0 ? _buffer : new byte[1 << 16];
        foreach (int index in worker == 0 ? (int[])[0, 1] : [2])
        {
            VirtQueue queue = _slot.Queue(index);
            while (!stop.IsCancellationRequested && queue.TryPop(chain))
            {
                Taken?.Invoke(stop);
                if (stop.IsCancellationRequested) return;
                queue.Push(chain, Echo(chain, buffer));
                if ((Features & ManyAtOnce) == 0) queue.Flush();
            }
        }
    }

    public override void Reset() => Resets++;

    private static uint Echo(VirtChain chain, byte[] buffer)
    {
        int count = (int)Math.Min(Math.Min(chain.ReadableBytes, chain.WritableBytes), (ulong)buffer.Length);
        return chain.Read(0, buffer.AsSpan(0, count)) && chain.Write(0, buffer.AsSpan(0, count)) ? (uint)count : 0;
    }
}
