namespace Ioasis.Devices.Virtio;

/// <summary>Bits of the device status (virtio 1.3, 2.1).</summary>
[Flags]
internal enum VirtioStatus
{
    /// <summary>After a reset.</summary>
    None = 0,

    /// <summary>ACKNOWLEDGE: the driver has seen the device.</summary>
    Acknowledge = 1,

    /// <summary>DRIVER: the driver can drive it.</summary>
    Driver = 2,

    /// <summary>DRIVER_OK: the device runs.</summary>
    DriverOk = 4,

    /// <summary>FEATURES_OK: the features are settled.</summary>
    FeaturesOk = 8,

    /// <summary>DEVICE_NEEDS_RESET: only a reset helps.</summary>
    NeedsReset = 0x40,

    /// <summary>FAILED: the driver has given up.</summary>
    Failed = 0x80,
}
