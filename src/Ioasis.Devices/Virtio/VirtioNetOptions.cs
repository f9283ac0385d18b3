using Ioasis.Devices.Net;

namespace Ioasis.Devices.Virtio;

/// <summary>Options of a virtio network card.</summary>
public sealed record VirtioNetOptions
{
    /// <summary>The MAC address of a card that is given none.</summary>
    public const ulong DefaultMac = 0x525400123456;

    /// <summary>Its MAC address, the first byte highest.</summary>
    public ulong Mac { get; init; } = DefaultMac;

    /// <summary>The longest packet in bytes that the card asks its driver to keep to, 68 to 65535.</summary>
    public int Mtu { get; init; } = 1500;

    /// <summary>Number of pairs of queues, 1 to 8.</summary>
    public int Pairs { get; init; } = 1;

    /// <summary>The most entries of a queue; a power of two from 4 to 1024.</summary>
    public int QueueSize { get; init; } = 256;

    /// <summary>What it is connected to; null: what it sends comes back to it.</summary>
    public NetLink? Link { get; init; }

    /// <summary>File that gets a copy of all frames in the format of pcap; null for none.</summary>
    public string? Capture { get; init; }

    /// <summary>Feature bits that may be offered; the device leaves out others.</summary>
    public ulong Features { get; init; } = ulong.MaxValue;
}
