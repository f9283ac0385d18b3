using Ioasis.Client;
using Ioasis.Memory;

namespace Ioasis.Conformance.Vdpa;

/// <summary>
/// The queue of a disk, and requests that ask for the disk's name (VIRTIO_BLK_T_GET_ID, virtio 1.3, 5.2.6).
/// </summary>
internal sealed class DiskRequest : IDisposable
{
    internal const ulong RingIova = 0x100000;
    internal const int NameLength = 20;
    internal const byte Ok = 0, Error = 1, Unanswered = 0x77;

    private const ulong Header = SplitRing.Room, StatusAt = Header + 0x100;
    private const uint GetId = 8;
    private readonly VdpaDevice _device;

    internal DiskRequest(VdpaDevice device, NodeTransport nodes, ulong? ringIova = RingIova)
    {
        _device = device;
        Ring = new SplitRing(nodes, device.GetQueue(0), ringIova);
    }

    internal SplitRing Ring { get; }

    /// <summary>Maps the ring by a message, unless it is reached another way, and tells the device of it.</summary>
    internal void SetUp(bool isMapped = true)
    {
        if (isMapped) Map();
        Ring.SetUp();
    }

    internal void Map() => _device.Map(Ring.Iova, Ring.Memory);

    /// <summary>Asks for the name, to be written to an address, and waits for the answer.</summary>
    /// <returns>The status that the device wrote.</returns>
    internal byte Ask(Iova data)
    {
        Post(data);
        Ring.WaitForUsed();
        return Ring.Memory.Read<byte>(StatusAt);
    }

    /// <summary>Asks for the name and notifies the device.</summary>
    internal void Post(Iova data)
    {
        Offer(data);
        Ring.Kick();
    }

    /// <summary>Asks for the name without a notification.</summary>
    /// <returns>What a notification with data says.</returns>
    internal uint Offer(Iova data)
    {
        Ring.Memory.Write(Header, (ulong)GetId);
        Ring.Memory.Write(Header + 8, 0UL);
        Ring.Memory.Write(StatusAt, Unanswered);
        return Ring.Offer(
            new(Ring.At(Header), 16), new(data.Value, NameLength, IsWritten: true),
            new(Ring.At(StatusAt), 1, IsWritten: true));
    }

    /// <summary>Waits for an interrupt of the device.</summary>
    internal bool WaitForCall() => Ring.WaitForCall();

    public void Dispose() => Ring.Dispose();
}
