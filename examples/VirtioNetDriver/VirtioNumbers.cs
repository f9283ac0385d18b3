namespace Ioasis.Examples.VirtioNet;

/// <summary>Registers of the common configuration structure (virtio 1.3, 4.1.4.3).</summary>
internal static class VirtioRegister
{
    internal const ulong DeviceFeatureSelect = 0x00, DeviceFeature = 0x04, DriverFeatureSelect = 0x08,
        DriverFeature = 0x0c, ConfigurationVector = 0x10, Status = 0x14, Generation = 0x15, QueueSelect = 0x16,
        QueueSize = 0x18, QueueVector = 0x1a, QueueEnable = 0x1c, QueueNotifyOffset = 0x1e, QueueDescriptors = 0x20,
        QueueDriver = 0x28, QueueDevice = 0x30;

    /// <summary>The vector that stands for no interrupt.</summary>
    internal const ushort NoVector = 0xffff;
}

/// <summary>Kinds of structures that a capability describes (virtio 1.3, 4.1.4).</summary>
internal enum VirtioStructure : byte
{
    Common = 1,
    Notify = 2,
    Device = 4,
}

/// <summary>The device's status (virtio 1.3, 2.1).</summary>
[Flags]
internal enum VirtioStatus : byte
{
    None = 0,
    Acknowledge = 1,
    Driver = 2,
    DriverOk = 4,
    FeaturesOk = 8,
    NeedsReset = 0x40,
}

/// <summary>Features that the driver knows (virtio 1.3, 5.1.3 and 6).</summary>
internal static class VirtioFeature
{
    internal const ulong Mtu = 1 << 3, Mac = 1 << 5, Status = 1 << 16, EventIndex = 1 << 29, Version1 = 1UL << 32,
        AccessPlatform = 1UL << 33;

    /// <summary>Without these the driver does not work: rings of virtio 1, and addresses of the DMA API.</summary>
    internal const ulong Needed = Version1 | AccessPlatform;

    internal const ulong Known = Needed | Mtu | Mac | Status | EventIndex;
}
