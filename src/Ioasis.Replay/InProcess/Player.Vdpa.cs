using System.Buffers.Binary;
using System.Globalization;
using Ioasis.Abi;
using Ioasis.Iommufd.Files;
using Ioasis.Machine;
using Ioasis.Machine.Description;
using Ioasis.Replay.Calls;

namespace Ioasis.Replay.InProcess;

/// <content>Calls to vDPA devices.</content>
public sealed partial class Player
{
    private const int FirstEvent = 40;

    private readonly NodeFile?[] _vdpas = new NodeFile?[2];
    private readonly PlayedEvent[] _events = [new(), new()];

    /// <summary>A network device and a disk, with the features of Linux's simulators.</summary>
    private static SoftwareMachine MakeVdpaMachine() => SoftwareMachine.Create(
        VdpaDevices.Aggregate(MachineDescription.Default, (machine, device) => machine.WithDevice(device)));

    /// <summary>The devices, as run's option --device has them.</summary>
    public static IReadOnlyList<string> VdpaDevices { get; } =
        ["virtio-net@n0,vdpa,features=0x308830028", "virtio-blk@d0,vdpa,features=0x308007646,size=128M"];

    /// <summary>Opens it anew; or beside what is open, and closes that at once if it can be had.</summary>
    private string OpenVdpa(Call call)
    {
        int index = call.IndexOf("vdpa");
        string path = $"/dev/vhost-vdpa-{index}";
        if (call.Find("beside") is null)
        {
            Close(ref _vdpas[index]);
            return TryOpen(path, out _vdpas[index]);
        }

        string answer = TryOpen(path, out NodeFile? second);
        Close(ref second);
        return answer;
    }

    /// <summary>A message to the IOTLB: struct vhost_msg_v2, as long as the sequence says.</summary>
    private string PlayMessage(Call call)
    {
        ulong Value(string key, ulong without = 0) => call.Find(key) is { } text ? Resolve(text) : without;

        Span<byte> message = _memory[Place.Argument];
        message.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(message, (uint)Value("version", VhostH.VHOST_IOTLB_MSG_V2));
        BinaryPrimitives.WriteUInt32LittleEndian(message[4..], (uint)Value("asid"));
        BinaryPrimitives.WriteUInt64LittleEndian(message[8..], Value("iova"));
        BinaryPrimitives.WriteUInt64LittleEndian(message[16..], Value("size"));
        BinaryPrimitives.WriteUInt64LittleEndian(message[24..], Value("uaddr"));
        message[32] = (byte)Value("perm");
        message[33] = (byte)Value("kind");
        SysResult result = _vdpas[call.IndexOf("vdpa")] is { } file
            ? WatchedCalls.Write(file, this, new CallOrigin(0, 0), null, Place.Argument.Start, Value("length", 72))
            : Errno.EBADF;
        message.Clear();
        return result.IsOk
            ? string.Create(CultureInfo.InvariantCulture, $"0 value={result.Value}") : result.Errno.ToString();
    }

    /// <summary>The program's eventfd, which nobody signals: sequences let no device run.</summary>
    private sealed class PlayedEvent : IEventFile
    {
        public void Signal()
        {
        }

        public Errno Listen(object listener, Action raised, out IDisposable? listening)
        {
            listening = this;
            return Errno.None;
        }

        public Errno Watch(object listener, Action raised, out IDisposable? watching) =>
            Listen(listener, raised, out watching);

        public void Dispose()
        {
        }
    }
}
