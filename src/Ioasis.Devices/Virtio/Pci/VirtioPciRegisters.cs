namespace Ioasis.Devices.Virtio.Pci;

/// <summary>
/// The common configuration structure (virtio 1.3, 4.1.4.3), the ISR status and the device's configuration. The slot
/// makes one call at a time.
/// </summary>
internal sealed class VirtioPciRegisters
{
    /// <summary>Bytes of the common configuration structure.</summary>
    internal const uint Size = 0x3c;

    private static readonly Register
        s_deviceFeatureSelect = Writable("device_feature_select", 0x00, 4),
        s_deviceFeature = ReadOnly("device_feature", 0x04, 4),
        s_driverFeatureSelect = Writable("driver_feature_select", 0x08, 4),
        s_driverFeature = Writable("driver_feature", 0x0c, 4),
        s_configMsixVector = Writable("config_msix_vector", 0x10, 2),
        s_numQueues = ReadOnly("num_queues", 0x12, 2),
        s_deviceStatus = Writable("device_status", 0x14, 1),
        s_configGeneration = ReadOnly("config_generation", 0x15, 1),
        s_queueSelect = Writable("queue_select", 0x16, 2),
        s_queueSize = Writable("queue_size", 0x18, 2),
        s_queueMsixVector = Writable("queue_msix_vector", 0x1a, 2),
        s_queueEnable = Writable("queue_enable", 0x1c, 2),
        s_queueNotifyOff = ReadOnly("queue_notify_off", 0x1e, 2),
        s_queueDescLow = Writable("queue_desc", 0x20, 4),
        s_queueDescHigh = Writable("queue_desc_high", 0x24, 4),
        s_queueDriverLow = Writable("queue_driver", 0x28, 4),
        s_queueDriverHigh = Writable("queue_driver_high", 0x2c, 4),
        s_queueDeviceLow = Writable("queue_device", 0x30, 4),
        s_queueDeviceHigh = Writable("queue_device_high", 0x34, 4),
        s_queueNotifyData = ReadOnly("queue_notify_data", 0x38, 2),
        s_queueReset = Writable("queue_reset", 0x3a, 2),
        s_isr = ReadOnly("isr", VirtioPciLayout.Isr, 1);

    private readonly VirtioSlot _device;
    private readonly VirtioPciInterrupts _interrupts;
    private readonly Addresses[] _addresses;
    private uint _deviceSelect, _driverSelect;
    private ulong _driverFeatures;
    private int _queue;

    internal VirtioPciRegisters(VirtioSlot device, VirtioPciInterrupts interrupts)
    {
        _device = device;
        _interrupts = interrupts;
        _addresses = new Addresses[device.Function.Queues.Count];
    }

    /// <summary>Those of the common structure, and the ISR status.</summary>
    internal static IReadOnlyList<Register> All { get; } =
    [
        s_deviceFeatureSelect, s_deviceFeature, s_driverFeatureSelect, s_driverFeature, s_configMsixVector,
        s_numQueues, s_deviceStatus, s_configGeneration, s_queueSelect, s_queueSize, s_queueMsixVector, s_queueEnable,
        s_queueNotifyOff, s_queueDescLow, s_queueDescHigh, s_queueDriverLow, s_queueDriverHigh, s_queueDeviceLow,
        s_queueDeviceHigh, s_queueNotifyData, s_queueReset, s_isr,
    ];

    private bool HasQueue => _queue < _addresses.Length;

    internal void Reset()
    {
        Array.Clear(_addresses);
        _deviceSelect = _driverSelect = 0;
        _driverFeatures = 0;
        _queue = 0;
    }

    internal ulong Read(Register register)
    {
        if (register.Offset >= VirtioPciLayout.DeviceConfig) return ReadConfig(register);
        if (register == s_isr) return _interrupts.TakeStatus();
        if (register == s_deviceFeatureSelect) return _deviceSelect;
        if (register == s_deviceFeature) return Half(_device.DeviceFeatures, _deviceSelect);
        if (register == s_driverFeatureSelect) return _driverSelect;
        if (register == s_driverFeature) return Half(_driverFeatures, _driverSelect);
        if (register == s_configMsixVector) return _interrupts.ConfigurationVector;
        if (register == s_numQueues) return (uint)_addresses.Length;
        if (register == s_deviceStatus) return (byte)_device.Status;
        if (register == s_configGeneration) return (byte)_device.Generation;
        if (register == s_queueSelect) return (uint)_queue;
        return HasQueue ? ReadQueue(register) : 0; // a size of 0 says that there is no such queue
    }

    /// <summary>Handles a write; true if it resets the device.</summary>
    internal bool Write(Register register, ulong value)
    {
        if (register == s_deviceStatus && value == 0) return true;
        if (register.Offset >= VirtioPciLayout.DeviceConfig)
            _device.WriteConfig((int)(register.Offset - VirtioPciLayout.DeviceConfig), [(byte)value]);
        else if (register == s_deviceFeatureSelect) _deviceSelect = (uint)value;
        else if (register == s_driverFeatureSelect) _driverSelect = (uint)value;
        else if (register == s_driverFeature) SetFeatures((uint)value);
        else if (register == s_configMsixVector) _interrupts.ConfigurationVector = (ushort)value;
        else if (register == s_deviceStatus) SetStatus((VirtioStatus)(byte)value);
        else if (register == s_queueSelect) _queue = (ushort)value;
        else if (HasQueue) WriteQueue(register, (uint)value);
        return false;
    }

    private static Register Writable(string name, uint offset, int width) =>
        new(name, offset, width, RegisterKind.Doorbell) { IsComputed = true, Widths = VirtioPciLayout.AtLeast(width) };

    private static Register ReadOnly(string name, uint offset, int width) =>
        new(name, offset, width, RegisterKind.ReadOnly) { IsComputed = true, Widths = VirtioPciLayout.AtLeast(width) };

    private static ulong Half(ulong features, uint select) =>
        select switch { 0 => (uint)features, 1 => features >> 32, _ => 0 };

    private ulong ReadConfig(Register register)
    {
        Span<byte> value = stackalloc byte[1];
        _device.ReadConfig((int)(register.Offset - VirtioPciLayout.DeviceConfig), value);
        return value[0];
    }

    private ulong ReadQueue(Register register)
    {
        ref Addresses addresses = ref _addresses[_queue];
        if (register == s_queueSize) return (uint)_device.SizeOf(_queue);
        if (register == s_queueMsixVector) return _interrupts.QueueVector(_queue);
        if (register == s_queueEnable) return _device.IsEnabled(_queue) ? 1u : 0;
        if (register == s_queueNotifyOff || register == s_queueNotifyData) return (uint)_queue;
        if (register == s_queueDescLow) return (uint)addresses.Descriptors;
        if (register == s_queueDescHigh) return addresses.Descriptors >> 32;
        if (register == s_queueDriverLow) return (uint)addresses.Driver;
        if (register == s_queueDriverHigh) return addresses.Driver >> 32;
        if (register == s_queueDeviceLow) return (uint)addresses.Device;
        if (register == s_queueDeviceHigh) return addresses.Device >> 32;
        return 0; // a reset of a queue is over when it reads as 0
    }

    private void WriteQueue(Register register, uint value)
    {
        ref Addresses addresses = ref _addresses[_queue];
        if (register == s_queueSize) _device.SetSize(_queue, (ushort)value);
        else if (register == s_queueMsixVector) _interrupts.SetQueueVector(_queue, (ushort)value);
        else if (register == s_queueEnable) Enable(value);
        else if (register == s_queueDescLow) addresses.Descriptors = Low(addresses.Descriptors, value);
        else if (register == s_queueDescHigh) addresses.Descriptors = High(addresses.Descriptors, value);
        else if (register == s_queueDriverLow) addresses.Driver = Low(addresses.Driver, value);
        else if (register == s_queueDriverHigh) addresses.Driver = High(addresses.Driver, value);
        else if (register == s_queueDeviceLow) addresses.Device = Low(addresses.Device, value);
        else if (register == s_queueDeviceHigh) addresses.Device = High(addresses.Device, value);
        else if (register == s_queueReset && value == 1) ResetQueue();

        static ulong Low(ulong address, uint value) => (address & ~(ulong)uint.MaxValue) | value;
        static ulong High(ulong address, uint value) => (uint)address | ((ulong)value << 32);
    }

    /// <summary>A driver cannot disable a queue: it resets it.</summary>
    private void Enable(uint value)
    {
        if (value != 1 || _device.IsEnabled(_queue)) return;
        Addresses addresses = _addresses[_queue];
        _device.SetAddresses(_queue, addresses.Descriptors, addresses.Driver, addresses.Device);
        _device.SetEnabled(_queue, true);
    }

    private void ResetQueue()
    {
        if ((_device.DriverFeatures & VirtioFeatures.RingReset) == 0) return;
        _device.ResetQueue(_queue);
        _interrupts.SetQueueVector(_queue, VirtioPciInterrupts.NoVector);
        _addresses[_queue] = default;
    }

    private void SetFeatures(uint value)
    {
        if (_driverSelect > 1) return;
        ulong other = _driverSelect == 0 ? _driverFeatures & ~(ulong)uint.MaxValue : (uint)_driverFeatures;
        _driverFeatures = other | ((ulong)value << (int)(32 * _driverSelect));
    }

    private void SetStatus(VirtioStatus status)
    {
        bool settles = (status & ~_device.Status & VirtioStatus.FeaturesOk) != 0;
        if (settles)
        {
            // FEATURES_OK stays off where the device cannot work with what the driver has accepted
            bool isPossible = (_driverFeatures & ~_device.DeviceFeatures) == 0
                && (_driverFeatures & VirtioFeatures.Version1) != 0 && _device.SetDriverFeatures(_driverFeatures);
            if (!isPossible) status &= ~VirtioStatus.FeaturesOk;
        }

        _device.SetStatus(status);
    }

    private struct Addresses
    {
        internal ulong Descriptors, Driver, Device;
    }
}
