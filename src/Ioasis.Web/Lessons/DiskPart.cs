using System.Text;
using Ioasis.Client;
using Ioasis.Machine.Description;
using Ioasis.Memory;
using Ioasis.Scenes;

namespace Ioasis.Web.Lessons;

/// <summary>
/// A vDPA disk that a lesson drives, and its queue (virtio 1.3, 2.7): a page each for the descriptors, the available
/// ring, the used ring, and the request. The request asks for the disk's name (VIRTIO_BLK_T_GET_ID).
/// </summary>
internal sealed class DiskPart : IDisposable
{
    internal const string Name = "disk0";
    internal const byte Ok = 0, Unanswered = 0x77;

    private const byte Acknowledge = 1, Driver = 2, DriverOk = 4, FeaturesOk = 8;
    private const ulong Version1 = 1UL << 32, AccessPlatform = 1UL << 33;
    private const ulong Page = 4096, Available = Page, Used = 2 * Page, Header = 3 * Page, Status = Header + 0x100;
    private const ushort Entries = 16, Next = 1, WrittenByDevice = 2;
    private const int NameLength = 20;
    private const uint GetId = 8;

    private readonly UserEvent _kick;
    private ushort _offered;
    private bool _isDisposed;

    /// <summary>Opens the disk, and makes this process its owner.</summary>
    internal DiskPart(NodeTransport nodes)
    {
        Device = VdpaDevice.Open(nodes, 0);
        Device.SetOwner();
        Ring = nodes.Allocate(4 * Page);
        _kick = nodes.CreateEvent();
    }

    internal VdpaDevice Device { get; }

    /// <summary>The memory of the queue.</summary>
    internal UserMemory Ring { get; }

    internal static MachineDescription With(MachineDescription description) =>
        description.WithDevice($"virtio-blk@{Name},vdpa,size=1M");

    internal void Negotiate()
    {
        Device.SetStatus(Acknowledge | Driver);
        Device.SetFeatures(Version1 | AccessPlatform);
        Device.SetStatus(Acknowledge | Driver | FeaturesOk);
    }

    /// <summary>Tells the device where its queue is, and lets it run.</summary>
    internal void Run(Iova ring)
    {
        Ring.Clear();
        _offered = 0;
        VdpaQueue queue = Device.GetQueue(0);
        queue.SetSize(Entries);
        queue.SetAddresses(ring, new Iova(ring.Value + Available), new Iova(ring.Value + Used));
        queue.SetKick(_kick);
        queue.Enable();
        Device.SetStatus(Acknowledge | Driver | FeaturesOk | DriverOk);
    }

    /// <summary>Asks for the disk's name, to be written to an address; returns the status of the request.</summary>
    internal byte Ask(Iova ring, Iova data)
    {
        Ring.Write(Header, (ulong)GetId);
        Ring.Write(Header + 8, 0UL);
        Ring.Write(Status, Unanswered);
        Describe(0, ring.Value + Header, 16, Next);
        Describe(1, data.Value, NameLength, Next | WrittenByDevice);
        Describe(2, ring.Value + Status, 1, WrittenByDevice);
        Ring.Write(Available + 4 + (2 * (ulong)(_offered % Entries)), (ushort)0);
        Thread.MemoryBarrier(); // the index comes after what it stands for
        Ring.Write(Available + 2, ++_offered);
        Thread.MemoryBarrier();
        _kick.Signal();
        DemoPatience.Until(() => Ring.Read<ushort>(Used + 2) == _offered, "the disk's answer");
        return Ring.Read<byte>(Status);
    }

    /// <summary>The name that was written to memory.</summary>
    internal static string NameIn(UserMemory memory) =>
        Encoding.ASCII.GetString(memory.ToArray(0, NameLength)).TrimEnd('\0');

    public void Dispose()
    {
        if (_isDisposed) return;
        _isDisposed = true;
        Device.Dispose();
        _kick.Dispose();
        Ring.Dispose();
    }

    private void Describe(int index, ulong address, uint length, ushort flags)
    {
        ulong at = (ulong)index * 16;
        Ring.Write(at, address);
        Ring.Write(at + 8, length);
        Ring.Write(at + 12, flags);
        Ring.Write(at + 14, (ushort)(index + 1));
    }
}
