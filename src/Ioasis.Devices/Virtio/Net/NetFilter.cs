using Ioasis.Devices.Net;

namespace Ioasis.Devices.Virtio.Net;

/// <summary>Which frames a driver wants to get. Never changes: a command of the driver makes another one.</summary>
internal sealed record NetFilter
{
    /// <summary>The most addresses of a kind that are kept; more mean all.</summary>
    internal const int MostAddresses = 64;

    internal const int Vlans = 4096;

    private const ulong Broadcast = 0xffffffffffff;

    /// <summary>The card's own address.</summary>
    internal required ulong Mac { get; init; }

    /// <summary>Whether all frames are wanted. A driver that can switch it off does so.</summary>
    internal bool IsPromiscuous { get; init; } = true;

    internal bool AllMulticast { get; init; }

    internal bool AllUnicast { get; init; }

    internal bool NoMulticast { get; init; }

    internal bool NoUnicast { get; init; }

    internal bool NoBroadcast { get; init; }

    /// <summary>More addresses of the card; null for any.</summary>
    internal ulong[]? Unicast { get; init; } = [];

    /// <summary>Addresses of groups; null for any.</summary>
    internal ulong[]? Multicast { get; init; } = [];

    /// <summary>The VLANs that are wanted, by number; null for all.</summary>
    internal bool[]? WantedVlans { get; init; }

    /// <summary>Whether a frame is wanted.</summary>
    internal bool Accepts(ReadOnlySpan<byte> frame)
    {
        if (IsPromiscuous) return true;
        if (WantedVlans is { } vlans && NetFrame.Vlan(frame) is { } vlan && !vlans[vlan]) return false;
        ulong to = NetFrame.Destination(frame);
        if (to == Broadcast) return !NoBroadcast;
        if ((frame[0] & 1) != 0) return !NoMulticast && (AllMulticast || Has(Multicast, to));
        return !NoUnicast && (AllUnicast || to == Mac || Has(Unicast, to));
    }

    private static bool Has(ulong[]? addresses, ulong address) =>
        addresses is null || Array.IndexOf(addresses, address) >= 0;
}
