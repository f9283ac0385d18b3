using System.Buffers.Binary;
using Ioasis.Devices.Net;

namespace Ioasis.Devices.Virtio.Net;

/// <summary>The control queue of a card (virtio 1.3, 5.1.6.5). One thread uses it at a time.</summary>
internal sealed class NetControl
{
    private const int HeaderSize = 2;
    private const byte Ok = 0, Error = 1;
    private readonly VirtioNetDevice _card;
    private readonly VirtChain _chain = new();
    private ulong _features;

    internal NetControl(VirtioNetDevice card) => _card = card;

    /// <summary>Classes and commands.</summary>
    private enum Command : ushort
    {
        RxPromiscuous = 0x0000,
        RxAllMulticast = 0x0001,
        RxAllUnicast = 0x0002,
        RxNoMulticast = 0x0003,
        RxNoUnicast = 0x0004,
        RxNoBroadcast = 0x0005,
        MacTableSet = 0x0100,
        MacAddressSet = 0x0101,
        VlanAdd = 0x0200,
        VlanDelete = 0x0201,
        PairsSet = 0x0400,
    }

    internal void Start(ulong features) => _features = features;

    internal void Serve(VirtQueue queue, CancellationToken stop)
    {
        Span<byte> header = stackalloc byte[HeaderSize];
        while (!stop.IsCancellationRequested && queue.TryPop(_chain))
        {
            bool isDone = _chain.Read(0, header)
                && TryExecute((Command)((header[0] << 8) | header[1]), _chain.ReadableBytes - HeaderSize);
            bool isTold = _chain.Write(0, [isDone ? Ok : Error]);
            queue.Push(_chain, isTold ? 1u : 0);
            queue.Flush();
        }
    }

    private bool TryExecute(Command command, ulong length) => command switch
    {
        Command.RxPromiscuous => Can(NetFeatures.ControlRx)
            && TrySet(length, (filter, on) => filter with { IsPromiscuous = on }),
        Command.RxAllMulticast => Can(NetFeatures.ControlRx)
            && TrySet(length, (filter, on) => filter with { AllMulticast = on }),
        Command.RxAllUnicast => Can(NetFeatures.ControlRxExtra)
            && TrySet(length, (filter, on) => filter with { AllUnicast = on }),
        Command.RxNoMulticast => Can(NetFeatures.ControlRxExtra)
            && TrySet(length, (filter, on) => filter with { NoMulticast = on }),
        Command.RxNoUnicast => Can(NetFeatures.ControlRxExtra)
            && TrySet(length, (filter, on) => filter with { NoUnicast = on }),
        Command.RxNoBroadcast => Can(NetFeatures.ControlRxExtra)
            && TrySet(length, (filter, on) => filter with { NoBroadcast = on }),
        Command.MacTableSet => Can(NetFeatures.ControlRx) && TrySetTable(length),
        Command.MacAddressSet => Can(NetFeatures.ControlMac) && TrySetAddress(length),
        Command.VlanAdd => Can(NetFeatures.ControlVlan) && TrySetVlan(length, isWanted: true),
        Command.VlanDelete => Can(NetFeatures.ControlVlan) && TrySetVlan(length, isWanted: false),
        Command.PairsSet => Can(NetFeatures.MultiQueue) && TrySetPairs(length),
        _ => false,
    };

    private bool Can(ulong feature) => (_features & feature) != 0;

    private bool TrySet(ulong length, Func<NetFilter, bool, NetFilter> change)
    {
        Span<byte> on = stackalloc byte[1];
        if (length != 1 || !_chain.Read(HeaderSize, on)) return false;
        bool isOn = on[0] != 0;
        _card.ChangeFilter(filter => change(filter, isOn));
        return true;
    }

    private bool TrySetAddress(ulong length)
    {
        Span<byte> address = stackalloc byte[NetFrame.AddressSize];
        if (length != NetFrame.AddressSize || !_chain.Read(HeaderSize, address)) return false;
        ulong mac = NetFrame.Address(address);
        _card.ChangeFilter(filter => filter with { Mac = mac });
        return true;
    }

    /// <summary>Two tables follow each other, of single cards and of groups.</summary>
    private bool TrySetTable(ulong length)
    {
        ulong at = 0;
        if (!TryReadTable(ref at, length, out ulong[]? unicast) || !TryReadTable(ref at, length, out ulong[]? multicast)
            || at != length)
            return false;
        _card.ChangeFilter(filter => filter with { Unicast = unicast, Multicast = multicast });
        return true;
    }

    private bool TryReadTable(ref ulong at, ulong length, out ulong[]? addresses)
    {
        addresses = null;
        Span<byte> count = stackalloc byte[sizeof(uint)], address = stackalloc byte[NetFrame.AddressSize];
        if (length - at < sizeof(uint) || !_chain.Read(HeaderSize + at, count)) return false;
        at += sizeof(uint);
        uint entries = BinaryPrimitives.ReadUInt32LittleEndian(count);
        if (entries * (ulong)NetFrame.AddressSize > length - at) return false;
        ulong end = at + (entries * (ulong)NetFrame.AddressSize);
        if (entries <= NetFilter.MostAddresses)
        {
            addresses = new ulong[entries];
            for (uint i = 0; i < entries; i++)
            {
                if (!_chain.Read(HeaderSize + at + (i * (ulong)NetFrame.AddressSize), address)) return false;
                addresses[i] = NetFrame.Address(address);
            }
        }

        at = end;
        return true;
    }

    private bool TrySetVlan(ulong length, bool isWanted)
    {
        if (!TryReadNumber(length, out ushort vlan) || vlan >= NetFilter.Vlans) return false;
        bool[] wanted = [.. _card.Filter.WantedVlans ?? new bool[NetFilter.Vlans]];
        wanted[vlan] = isWanted;
        _card.ChangeFilter(filter => filter with { WantedVlans = wanted });
        return true;
    }

    private bool TrySetPairs(ulong length) =>
        TryReadNumber(length, out ushort pairs) && _card.TrySetActivePairs(pairs);

    private bool TryReadNumber(ulong length, out ushort number)
    {
        Span<byte> bytes = stackalloc byte[sizeof(ushort)];
        bool isRead = length == sizeof(ushort) && _chain.Read(HeaderSize, bytes);
        number = isRead ? BinaryPrimitives.ReadUInt16LittleEndian(bytes) : (ushort)0;
        return isRead;
    }
}
