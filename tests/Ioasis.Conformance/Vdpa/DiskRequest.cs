using Ioasis.Client;
using Ioasis.Memory;

namespace Ioasis.Conformance.Vdpa;

/// <summary>
/// A split ring of a disk, and requests that ask for its name (VIRTIO_BLK_T_GET_ID, virtio 1.3, 5.2.6).
/// </summary>
internal sealed class DiskRequest : IDisposable
{
    internal const ulong RingIova = 0x100000;
    internal const int NameLength = 20;
    internal const byte Ok = 0, Error = 1, Unanswered = 0x77;

    private const ulong Available = 0x1000, Used = 0x2000, Header = 0x3000, StatusAt = 0x3100, RingBytes = 0x4000;
    private const uint GetId = 8;
    private const ushort Next = 1, Write = 2;
    private readonly VdpaDevice _device;
    private readonly UserMemory _ring;
    private readonly UserEvent _kick, _call;
    private ushort _requests;

    internal DiskRequest(VdpaDevice device, NodeTransport nodes)
    {
        _device = device;
        _ring = nodes.Allocate(RingBytes);
        _ring.Clear();
        _kick = nodes.CreateEvent();
        _call = nodes.CreateEvent();
    }

    /// <summary>Maps the ring and tells the device of it.</summary>
    internal void SetUp(bool isMapped = true)
    {
        if (isMapped) Map();
        VdpaQueue queue = _device.Queue(0);
        queue.SetSize(16);
        queue.SetAddresses(new Iova(RingIova), new Iova(RingIova + Available), new Iova(RingIova + Used));
        queue.SetKick(_kick);
        queue.SetCall(_call);
        queue.Enable();
    }

    internal void Map() => _device.Map(new Iova(RingIova), _ring);

    /// <summary>Asks for the name, to be written to an address, and waits for the answer.</summary>
    /// <returns>The status that the device wrote.</returns>
    internal byte Ask(Iova data)
    {
        Post(data);
        UapiTest.Until(() => _ring.Read<ushort>(Used + 2) == _requests, "an answer of the disk");
        return _ring.Read<byte>(StatusAt);
    }

    /// <summary>Asks for the name and notifies the device.</summary>
    internal void Post(Iova data)
    {
        _ring.Write(Header, (ulong)GetId);
        _ring.Write(Header + 8, 0UL);
        _ring.Write(StatusAt, Unanswered);
        Describe(0, RingIova + Header, 16, Next, 1);
        Describe(1, data.Value, NameLength, Next | Write, 2);
        Describe(2, RingIova + StatusAt, 1, Write, 0);
        _ring.Write(Available + 4 + (2 * (ulong)(_requests % 16)), (ushort)0);
        _ring.Write(Available + 2, ++_requests);
        _kick.Signal();
    }

    /// <summary>Waits for an interrupt of the device.</summary>
    internal bool WaitForCall() => _call.Wait(UapiTest.Patience) != 0;

    public void Dispose()
    {
        _kick.Dispose();
        _call.Dispose();
        _ring.Dispose();
    }

    private void Describe(ulong index, ulong address, uint length, ushort flags, ushort next)
    {
        _ring.Write(index * 16, address);
        _ring.Write((index * 16) + 8, length);
        _ring.Write((index * 16) + 12, (uint)(flags | (next << 16)));
    }
}
