namespace Ioasis.Devices.Virtio.Net;

/// <summary>Feature bits of a network card (virtio 1.3, 5.1.3).</summary>
internal static class NetFeatures
{
    internal const ulong Checksum = 1 << 0, GuestChecksum = 1 << 1, Mtu = 1 << 3, Mac = 1 << 5,
        MergeableBuffers = 1 << 15, Status = 1 << 16, ControlQueue = 1 << 17, ControlRx = 1 << 18,
        ControlVlan = 1 << 19, ControlRxExtra = 1 << 20, MultiQueue = 1 << 22, ControlMac = 1 << 23;

    /// <summary>What the card can do, but for several pairs of queues.</summary>
    internal const ulong All = Checksum | GuestChecksum | Mtu | Mac | MergeableBuffers | Status | ControlQueue
        | ControlRx | ControlVlan | ControlRxExtra | ControlMac;
}
