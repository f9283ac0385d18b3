namespace Ioasis.Devices.Virtio.Pci;

/// <summary>
/// The legacy registers (virtio 1.3, 4.1.4.10), for drivers that cannot reach the other structures: DPDK's reads and
/// writes those through a mapping, which they cannot have. The slot makes one call at a time.
/// </summary>
internal sealed class VirtioPciLegacy
{
    private const uint ConfigOffset = 0x14;
    private const int VectorBytes = 4; // before the device's configuration while MSI-X is enabled
    private const int PageShift = 12;

    private static readonly Register
        s_deviceFeatures = ReadOnly("legacy device_features", 0x00, 4),
        s_driverFeatures = Writable("legacy driver_features", 0x04, 4),
        s_queueAddress = Writable("legacy queue_address", 0x08, 4),
        s_queueSize = ReadOnly("legacy queue_size", 0x0c, 2),
        s_queueSelect = Writable("legacy queue_select", 0x0e, 2),
        s_queueNotify = Writable("legacy queue_notify", 0x10, 2),
        s_deviceStatus = Writable("legacy device_status", 0x12, 1),
        s_isr = ReadOnly("legacy isr", 0x13, 1);

    private readonly VirtioSlot _device;
    private readonly VirtioPciInterrupts _interrupts;
    private readonly IPciSlot _slot;
    private readonly uint[] _pages;     // of the queues, as the driver wrote them
    private readonly ushort[] _vectors; // as the driver writes them by bytes; the configuration's is the last
    private int _queue;

    internal VirtioPciLegacy(VirtioSlot device, VirtioPciInterrupts interrupts, IPciSlot slot)
    {
        _device = device;
        _interrupts = interrupts;
        _slot = slot;
        _pages = new uint[device.Function.Queues.Count];
        _vectors = new ushort[_pages.Length + 1];
        Reset();
    }

    private bool HasQueue => _queue < _pages.Length;

    /// <summary>All registers, for a device with a configuration of this size.</summary>
    internal static IEnumerable<Register> All(int configSize) =>
    [
        s_deviceFeatures, s_driverFeatures, s_queueAddress, s_queueSize, s_queueSelect, s_queueNotify, s_deviceStatus,
        s_isr,
        .. Enumerable.Range(0, VectorBytes + configSize)
            .Select(i => Writable($"legacy config {i}", ConfigOffset + (uint)i, 1)),
    ];

    internal void Reset()
    {
        Array.Clear(_pages);
        Array.Fill(_vectors, VirtioPciInterrupts.NoVector);
        _queue = 0;
    }

    internal ulong Read(Register register)
    {
        if (register.Offset >= ConfigOffset) return ReadConfig((int)(register.Offset - ConfigOffset));
        if (register == s_isr) return _interrupts.TakeStatus();
        if (register == s_deviceFeatures) return (uint)_device.DeviceFeatures;
        if (register == s_driverFeatures) return (uint)_device.DriverFeatures;
        if (register == s_queueAddress) return HasQueue ? _pages[_queue] : 0;
        if (register == s_queueSize) return HasQueue ? (uint)_device.Function.Queues[_queue].MaxSize : 0;
        if (register == s_queueSelect) return (uint)_queue;
        return register == s_deviceStatus ? (byte)_device.Status : 0u;
    }

    /// <summary>Handles a write; true if it resets the device.</summary>
    internal bool Write(Register register, uint value)
    {
        if (register.Offset >= ConfigOffset) WriteConfig((int)(register.Offset - ConfigOffset), (byte)value);
        else if (register == s_driverFeatures) _device.SetDriverFeatures(value);
        else if (register == s_queueAddress) SetAddress(value);
        else if (register == s_queueSelect) _queue = (ushort)value;
        else if (register == s_queueNotify && value < (uint)_pages.Length) _device.Kick((int)value);
        else if (register == s_deviceStatus && value == 0) return true;
        else if (register == s_deviceStatus) _device.SetStatus((VirtioStatus)(byte)value);
        return false;
    }

    private static Register Writable(string name, uint offset, int width) =>
        new(name, offset, width, RegisterKind.Doorbell)
        {
            IsComputed = true,
            Widths = VirtioPciLayout.AtLeast(width),
        };

    private static Register ReadOnly(string name, uint offset, int width) =>
        Writable(name, offset, width) with { Kind = RegisterKind.ReadOnly };

    /// <summary>The areas of a queue follow each other, the used ring at the next page. Page 0 resets it.</summary>
    private void SetAddress(uint page)
    {
        if (!HasQueue) return;
        _pages[_queue] = page;
        if (page == 0)
        {
            _device.ResetQueue(_queue);
            return;
        }

        ulong size = (uint)_device.Function.Queues[_queue].MaxSize, start = (ulong)page << PageShift;
        ulong available = start + (16 * size);
        ulong used = (available + 6 + (2 * size) + (1 << PageShift) - 1) >> PageShift << PageShift;
        _device.SetAddresses(_queue, start, available, used);
        _device.SetEnabled(_queue, true);
    }

    private ulong ReadConfig(int at)
    {
        if (!IsConfig(ref at))
        {
            ushort vector = at < 2
                ? _interrupts.ConfigurationVector
                : HasQueue ? _interrupts.QueueVector(_queue) : VirtioPciInterrupts.NoVector;
            return (byte)(vector >> (8 * (at % 2)));
        }

        Span<byte> value = stackalloc byte[1];
        if (at < _device.Function.ConfigSize) _device.ReadConfig(at, value);
        else value.Clear();
        return value[0];
    }

    private void WriteConfig(int at, byte value)
    {
        if (IsConfig(ref at))
        {
            if (at < _device.Function.ConfigSize) _device.WriteConfig(at, [value]);
            return;
        }

        int source = at < 2 ? _pages.Length : _queue;
        if (source > _pages.Length || (at >= 2 && !HasQueue)) return;
        int shift = 8 * (at % 2);
        _vectors[source] = (ushort)((_vectors[source] & ~(0xff << shift)) | (value << shift));
        _interrupts.SetQueueVector(source, _vectors[source]);
    }

    /// <summary>Whether a byte belongs to the device's configuration, and which it is there.</summary>
    private bool IsConfig(ref int at)
    {
        if (!_slot.MessagesEnabled) return true;
        if (at < VectorBytes) return false;
        at -= VectorBytes;
        return true;
    }
}
