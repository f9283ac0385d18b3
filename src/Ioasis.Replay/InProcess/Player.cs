using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Ioasis.Abi;
using Ioasis.Iommufd.Files;
using Ioasis.Machine;
using Ioasis.Machine.Description;
using Ioasis.Machine.Nodes;
using Ioasis.Memory;
using Ioasis.Replay.Calls;

namespace Ioasis.Replay.InProcess;

/// <summary>
/// Plays calls on our own implementation. Answers each as tests/Ioasis.Differential/Linux/player.c does on Linux.
/// </summary>
public sealed partial class Player : IDisposable, ICaller
{
    private const byte Canary = 0xa5;
    private const int ClosedDescriptor = 900, QueueDescriptor = 99, FileDescriptor = 100, NullDescriptor = 101,
        InstalledDescriptor = 98,
        FirstContext = 10, FirstDevice = 20, FirstGroup = 30;

    // QEMU's unit without scalable mode, which the answers are compared with.
    private const string VfioMachine = """
        {
          "units": [ { "name": "dmar0", "addressBits": 48, "dirtyTracking": false, "nesting": false, "pasidBits": 0,
            "pageRequests": false } ],
          "devices": [
            { "model": "edu", "address": "0000:00:03.0" },
            { "model": "edu", "address": "0000:00:04.0" }
          ]
        }
        """;

    // Made by the first call: what it is made of depends on what the sequence is about.
    private SoftwareMachine? _machine;

    private readonly PlayedMemory _memory = new();
    private readonly PlayedFile _file = new();
    private readonly PlayedPins _pins = new();
    private readonly UserPins _userPins = new();
    private readonly NodeFile?[] _contexts = new NodeFile?[2];
    private readonly NodeFile?[] _devices = new NodeFile?[2];
    private readonly NodeFile?[] _groups = new NodeFile?[2];
    private readonly List<QueueFile> _queues = [];
    private NodeFile? _installed;

    AddressSpace ICaller.Memory => _memory;

    /// <summary>Called with the machine when it is made, which the first call does.</summary>
    public Action<SoftwareMachine>? MachineMade { get; init; }

    /// <summary>The machine that sequences are played on, as the first line of a recording has it.</summary>
    /// <param name="ofVdpa">Whether the sequences are for vDPA devices.</param>
    public static JsonObject DescriptionOf(bool ofVdpa) => ofVdpa
        ? new JsonObject { ["options"] = new JsonArray([.. VdpaDevices.SelectMany(d => (JsonNode[])["--device", d])]) }
        : new JsonObject { ["description"] = JsonNode.Parse(VfioMachine) };

    /// <summary>Plays a whole sequence on a machine of its own.</summary>
    public static List<string> PlayAll(IEnumerable<Call> calls)
    {
        using var player = new Player();
        return [.. calls.Select(player.Play)];
    }

    /// <summary>Makes one call.</summary>
    /// <returns>0 or the errno, and each field that the call changed.</returns>
    public string Play(Call call)
    {
        ArgumentNullException.ThrowIfNull(call);
        int device = call.IndexOf("dev");
        switch (call.Name)
        {
            case "reset":
                CloseAll();
                _machine ??= Made(MakeVfioMachine());
                for (int i = 0; i < _contexts.Length; i++) _contexts[i] = Open("/dev/iommu");
                return "0";
            case "reset_vdpa":
                CloseAll();
                _machine ??= Made(MakeVdpaMachine());
                return "0";
            case "message":
                return PlayMessage(call);
            case "open" when call.Find("vdpa") is not null:
                return OpenVdpa(call);
            case "close" when call.Find("vdpa") is not null:
                return Close(ref _vdpas[call.IndexOf("vdpa")]) ? "0" : "EBADF";
            case "open" when call.Find("ctx") is not null:
                Close(ref _contexts[call.IndexOf("ctx")]);
                _contexts[call.IndexOf("ctx")] = Open("/dev/iommu");
                return "0";
            case "open" when call.Find("group") is not null:
                Close(ref _groups[call.IndexOf("group")]);
                return TryOpen($"/dev/vfio/{call.IndexOf("group")}", out _groups[call.IndexOf("group")]);
            case "open":
                Close(ref _devices[device]);
                return TryOpen($"/dev/vfio/devices/vfio{device}", out _devices[device]);
            case "close" when call.Find("queues") is not null:
                CloseQueues();
                return "0";
            case "close" when call.Find("group") is not null:
                return Close(ref _groups[call.IndexOf("group")]) ? "0" : "EBADF";
            case "close":
                return Close(ref call.Find("dev") is null ? ref _contexts[call.IndexOf("ctx")] : ref _devices[device])
                    ? "0"
                    : "EBADF";
            default:
                return Ioctl(call, CallTable.Find(call.Name)
                    ?? throw new FormatException($"There is no call \"{call.Name}\"."));
        }
    }

    /// <summary>Closes everything, as the end of a program does.</summary>
    public void Close() => CloseAll();

    /// <inheritdoc/>
    public void Dispose()
    {
        CloseAll();
        _machine?.Dispose();
    }

    ProcessPins ICaller.Pins => _pins;

    UserPins ICaller.UserPins => _userPins;

    bool ICaller.HasCapability(int capability) => true;

    Errno ICaller.GetFile(int descriptor, out IOpenFile? file)
    {
        file = descriptor switch
        {
            FileDescriptor => _file,
            NullDescriptor => OtherFile.Instance,
            QueueDescriptor => _queues.LastOrDefault(),
            InstalledDescriptor => _installed,
            FirstContext or FirstContext + 1 => _contexts[descriptor - FirstContext],
            FirstDevice or FirstDevice + 1 => _devices[descriptor - FirstDevice],
            FirstGroup or FirstGroup + 1 => _groups[descriptor - FirstGroup],
            FirstEvent or FirstEvent + 1 => _events[descriptor - FirstEvent],
            _ => null,
        };
        return file is not null ? Errno.None : Errno.EBADF;
    }

    SysResult ICaller.InstallFile(INode node)
    {
        Errno errno = node.Open(new NoCarrier(), out _installed);
        if (errno == Errno.None) _installed!.TellOpen(node.Path, _machine!.Observers, process: 0);
        return errno == Errno.None ? SysResult.Ok(InstalledDescriptor) : errno;
    }

    SysResult ICaller.InstallQueue(QueueFile queue)
    {
        queue.TellOpen(queue.Name, _machine!.Observers, process: 0);
        _queues.Add(queue);
        return SysResult.Ok(QueueDescriptor);
    }

    private SoftwareMachine Made(SoftwareMachine machine)
    {
        MachineMade?.Invoke(machine);
        return machine;
    }

    private string Ioctl(Call call, CallKind kind)
    {
        byte[] bytes = new byte[Place.Page];
        ulong array = 0;
        foreach (CallField field in kind.Fields)
        {
            ulong value = field.Offset == 0 && kind.Target != CallTarget.Vdpa ? (ulong)kind.Size : 0;
            if (call.Find(field.Name) is { } text) value = Resolve(text);
            Store(bytes, field, value);
            if (field.Name is "allowed_iovas" or "data_uptr") array = value;
        }

        if (call.Find("text") is { } name) Encoding.ASCII.GetBytes(name.Replace('_', ' '), bytes);
        if (call.Find("poke") is { } poke) bytes[Place.Number(poke)] = 1;
        uint request = call.Find("request") is { } number ? (uint)Place.Number(number) : kind.Request;
        (ulong address, int mapped) = PlaceArgument(call.Find("at"), bytes);
        _memory[Place.Array].Fill(Canary);
        if (call.Find("ranges") is { } ranges) WriteRanges(ranges, array);

        NodeFile? file = kind.Target switch
        {
            CallTarget.Device => _devices[call.IndexOf("dev")],
            CallTarget.Group => _groups[call.IndexOf("group")],
            CallTarget.Vdpa => _vdpas[call.IndexOf("vdpa")],
            _ => _contexts[call.IndexOf("ctx")],
        };
        ulong argument = call.Find("arg") is { } plain ? Resolve(plain) : address;
        SysResult result = file is null ? Errno.EBADF
            : WatchedCalls.Ioctl(file, this, new CallOrigin(0, 0), request, argument);
        var answer = new StringBuilder(result.IsOk ? "0" : result.Errno.ToString());
        if (kind.Name == "group_device") TakeInstalled(call, result);
        else if (result.IsOk && result.Value != 0)
            answer.Append(CultureInfo.InvariantCulture, $" value={result.Value}");

        ReadOnlySpan<byte> after = Argument(address, mapped);
        foreach (CallField field in kind.Fields)
        {
            if (field.Offset + field.Width > mapped) continue;
            ReadOnlySpan<byte> now = after.Slice(field.Offset, field.Width);
            if (now.SequenceEqual(bytes.AsSpan(field.Offset, field.Width))) continue;
            answer.Append(CultureInfo.InvariantCulture, $" {field.Name}=");
            // which one is up to each side
            if (field.Name.EndsWith("_fd", StringComparison.Ordinal) && (int)Load(now) >= 0) answer.Append("fd");
            else answer.Append(CultureInfo.InvariantCulture, $"0x{Load(now):x}");
        }

        if (kind.Name == "vfio_info" && result.IsOk) AppendMore(answer, after, kind.Size);

        if (kind.Name == "iova_ranges") AppendList(answer, array);
        if (kind.Name == "hw_info") AppendData(answer, array);
        Argument(address, mapped).Clear();
        return answer.ToString();
    }

    /// <summary>Puts the structure where the sequence wants it, or as much of it as there is memory for.</summary>
    private (ulong Address, int Mapped) PlaceArgument(string? at, ReadOnlySpan<byte> bytes)
    {
        (ulong address, int mapped) = at switch
        {
            null => (Place.Argument.Start, (int)Place.Page),
            "hole" => (Place.Hole.Start, 0),
            "ro" => (Place.ReadOnlyArgument.Start, (int)Place.Page),
            _ => (Place.Argument.Start + Place.Page - Place.Number(at["cut:".Length..]),
                (int)Place.Number(at["cut:".Length..])),
        };
        bytes[..mapped].CopyTo(Argument(address, mapped));
        return (address, mapped);
    }

    private Span<byte> Argument(ulong address, int mapped) => mapped == 0 ? []
        : address == Place.ReadOnlyArgument.Start ? _memory[Place.ReadOnlyArgument]
        : _memory[Place.Argument].Slice((int)(address - Place.Argument.Start), mapped);

    /// <summary>What of an array at an address lies in the page for arrays.</summary>
    private Span<byte> ArrayAt(ulong address) =>
        Place.Array.Contains(address, 1) ? _memory[Place.Array][(int)(address - Place.Array.Start)..] : [];

    private void WriteRanges(string ranges, ulong array)
    {
        Span<byte> bytes = ArrayAt(array);
        foreach (string range in ranges.Split(','))
        {
            if (bytes.Length < 16) return;
            string[] ends = range.Split('-');
            BinaryPrimitives.WriteUInt64LittleEndian(bytes, Place.Number(ends[0]));
            BinaryPrimitives.WriteUInt64LittleEndian(bytes[8..], Place.Number(ends[1]));
            bytes = bytes[16..];
        }
    }

    private void AppendList(StringBuilder answer, ulong array)
    {
        string separator = " list=";
        for (Span<byte> bytes = ArrayAt(array);
            bytes.Length >= 16 && bytes[..16].ContainsAnyExcept(Canary); bytes = bytes[16..])
        {
            answer.Append(CultureInfo.InvariantCulture, $"{separator}0x{Load(bytes[..8]):x}-0x{Load(bytes[8..16]):x}");
            separator = ",";
        }
    }

    /// <summary>What follows the structure, up to the last byte that is not 0.</summary>
    private static void AppendMore(StringBuilder answer, ReadOnlySpan<byte> after, int size)
    {
        ReadOnlySpan<byte> more = after.Length > size ? after[size..] : [];
        more = more[..(more.LastIndexOfAnyExcept((byte)0) + 1)];
        answer.Append(CultureInfo.InvariantCulture, $" more={Convert.ToHexStringLower(more)}");
    }

    /// <summary>
    /// How far data was written, and whether what follows the first bytes (a unit's registers, which differ) is zero.
    /// </summary>
    private void AppendData(StringBuilder answer, ulong array)
    {
        Span<byte> bytes = ArrayAt(array);
        bytes = bytes[..(bytes.LastIndexOfAnyExcept(Canary) + 1)];
        bool zero = bytes.Length <= 24 || !bytes[24..].ContainsAnyExcept((byte)0);
        answer.Append(CultureInfo.InvariantCulture, $" wrote={bytes.Length} zero={(zero ? 1 : 0)}");
    }

    private ulong Resolve(string text) => text switch
    {
        "file" => FileDescriptor,
        "null" => NullDescriptor,
        "badfd" => ClosedDescriptor,
        "ctx0" or "ctx1" => Descriptor(_contexts, FirstContext, text[3] - '0'),
        "group0" or "group1" => Descriptor(_groups, FirstGroup, text[5] - '0'),
        "dev0" or "dev1" => Descriptor(_devices, FirstDevice, text[3] - '0'),
        "event0" or "event1" => (ulong)(FirstEvent + text[5] - '0'),
        _ => Place.Resolve(text),
    };

    private static ulong Descriptor(NodeFile?[] files, int first, int index) =>
        files[index] is null ? uint.MaxValue : (ulong)(first + index);

    private static void Store(byte[] bytes, CallField field, ulong value)
    {
        Span<byte> word = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(word, value);
        word[..Math.Min(field.Width, 8)].CopyTo(bytes.AsSpan(field.Offset));
    }

    private static ulong Load(ReadOnlySpan<byte> bytes)
    {
        Span<byte> word = stackalloc byte[8];
        word.Clear();
        bytes[..Math.Min(bytes.Length, 8)].CopyTo(word);
        return BinaryPrimitives.ReadUInt64LittleEndian(word);
    }

    private string TryOpen(string path, out NodeFile? file)
    {
        Errno errno = ((VirtualDevice)_machine!.Paths[path]).Node.Open(new NoCarrier(), out file);
        if (errno == Errno.None) file!.TellOpen(path, _machine.Observers, process: 0);
        return errno == Errno.None ? "0" : errno.ToString();
    }

    private NodeFile Open(string path)
    {
        string answer = TryOpen(path, out NodeFile? file);
        return file ?? throw new InvalidOperationException($"{path} cannot be opened: {answer}.");
    }

    /// <summary>What a group handed out takes the place of the device's file that was open before.</summary>
    private void TakeInstalled(Call call, SysResult result)
    {
        if (!result.IsOk) return;
        ref NodeFile? place = ref _devices[call.IndexOf("dev")];
        Close(ref place);
        place = _installed;
    }

    private void CloseQueues()
    {
        foreach (QueueFile queue in _queues) queue.End();
        _queues.Clear();
    }

    private static bool Close(ref NodeFile? file)
    {
        if (file is null) return false;
        file.End();
        file = null;
        return true;
    }

    private void CloseAll()
    {
        CloseQueues();
        for (int i = 0; i < _devices.Length; i++) Close(ref _devices[i]);
        for (int i = 0; i < _groups.Length; i++) Close(ref _groups[i]);
        for (int i = 0; i < _vdpas.Length; i++) Close(ref _vdpas[i]);
        for (int i = 0; i < _contexts.Length; i++) Close(ref _contexts[i]);
    }

    private static SoftwareMachine MakeVfioMachine() =>
        SoftwareMachine.Create(MachineDescription.Parse("differential", Encoding.UTF8.GetBytes(VfioMachine)));

    /// <summary>Sequences map no region.</summary>
    private sealed class NoCarrier : ICarrier
    {
        public SharedBytes Map(ulong offset, ulong length) => throw new IOException("Nothing maps regions here.");

        public void Free(ulong offset, ulong length)
        {
        }

        public bool IsMapped(ulong offset, ulong length) => false;
    }
}
