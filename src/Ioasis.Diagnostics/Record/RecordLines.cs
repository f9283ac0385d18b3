using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using Ioasis.Abi;
using Ioasis.Core.Observation;
using Ioasis.Diagnostics.Trace;

namespace Ioasis.Diagnostics.Record;

/// <summary>Writes calls as lines of a recording, which a replay can make again.</summary>
/// <param name="symbols">The names of files and objects.</param>
internal sealed class RecordLines(RecordSymbols symbols)
{
    /// <summary>The name of the address space that calls come from if their lines name none.</summary>
    public const string FirstProcess = "process1";

    /// <summary>The text that stands for memory that cannot be read.</summary>
    public const string Hole = "hole";

    // The kind of object that a field gets the number of when it is made.
    private static readonly Dictionary<string, string> s_made = new()
    {
        ["out_ioas_id"] = "ioas",
        ["out_hwpt_id"] = "hwpt",
        ["out_devid"] = "device",
        ["out_fault_id"] = "fault",
        ["out_viommu_id"] = "viommu",
        ["out_vdevice_id"] = "vdevice",
        ["out_veventq_id"] = "veventq",
        ["out_hw_queue_id"] = "hwqueue",
        ["out_pasid"] = "pasid",
        ["pt_id"] = "hwpt",
        ["ioas_id"] = "ioas",
    };

    private static readonly HashSet<string> s_named =
    [
        "id", "ioas_id", "dst_ioas_id", "src_ioas_id", "pt_id", "hwpt_id", "dev_id", "fault_id", "object_id",
        "viommu_id", "vdevice_id", "pasid",
    ];

    // PASIDs are numbers of the machine, not of a context.
    private const string PasidSpace = "";

    private long _began = RecordSymbols.Now, _ended; // the call whose line is written

    /// <summary>The line that a replay makes again, whose names it uses for what is new; null when recording.</summary>
    public JsonObject? Expected { get; set; }

    /// <summary>A node was opened.</summary>
    /// <param name="path">Its path; for a queue its name in brackets.</param>
    /// <param name="file">The open file.</param>
    /// <param name="device">The address of the PCI function that the node is of; null for none.</param>
    public JsonObject Opened(string path, object file, string? device = null)
    {
        var line = new JsonObject
        {
            ["event"] = "open",
            ["path"] = path,
            ["file"] = symbols.NameOf(file, (string?)Expected?["file"], path.StartsWith('[') ? "queue" : "file"),
        };
        if (device is not null) line["device"] = device;
        return line;
    }

    /// <summary>An open node is closed.</summary>
    public JsonObject Closed(object file) => new() { ["event"] = "close", ["file"] = symbols.NameOf(file) };

    /// <summary>A call, as it began and what came of it.</summary>
    /// <param name="call">The call.</param>
    /// <param name="ended">When it ended; null where calls do not overlap.</param>
    public JsonObject Called(NodeCall call, long? ended = null)
    {
        ArgumentNullException.ThrowIfNull(call);
        (_began, _ended) = ended is { } end ? (call.Began, end) : (RecordSymbols.Now, 0);
        var line = new JsonObject { ["event"] = "call" };
        if (call.Thread != 0) line["thread"] = call.Thread;
        line["call"] = call.Name;
        string file = symbols.NameOf(call.File);
        line["file"] = file;
        if (call.IsInjected) line["injected"] = true;
        AddProcess(line, call.Data);
        if (call.Name == "ioctl") AddIoctl(line, call, file);
        else AddTransfer(line, call);
        return line;
    }

    /// <summary>Moves the members of a line's body behind those of the line, which keeps what it has.</summary>
    internal static void Append(JsonObject line, JsonObject body)
    {
        foreach ((string name, JsonNode? value) in body.ToArray())
        {
            if (line.ContainsKey(name)) continue;
            body.Remove(name);
            line[name] = value;
        }
    }

    /// <summary>Pages as a line has them.</summary>
    internal static JsonObject PagesOf(IReadOnlyDictionary<ulong, byte[]> pages)
    {
        var all = new JsonObject();
        foreach ((ulong address, byte[] page) in pages)
        {
            ReadOnlySpan<byte> filled = page.AsSpan(0, page.AsSpan().LastIndexOfAnyExcept((byte)0) + 1);
            all[DiagnosticsJson.Hex(address)] = RecordValues.Bytes(filled);
        }

        return all;
    }

    private void AddProcess(JsonObject line, CallData? data)
    {
        if (data is null) return;
        string? wanted = Expected is null ? null : (string?)Expected["process"] ?? FirstProcess;
        string process = symbols.NameOf(data.Space, wanted, "process");
        if (process != FirstProcess) line["process"] = process;
    }

    private static void AddTransfer(JsonObject line, NodeCall call)
    {
        if (call.Offset is { } offset) line["offset"] = RecordValues.Number(offset);
        line["count"] = RecordValues.Number(call.Count);
        if (call.Name == "mmap") line["protection"] = call.Protection;
        byte[] bytes = call.Name == "read" ? call.After : call.Before;
        if (bytes.Length != 0) line["bytes"] = RecordValues.Bytes(bytes);
        else if (call is { Name: "write", Count: not 0 }) line["bytes"] = Hole;
        if (call.Data?.Pages is { Count: > 0 } pages) line["pages"] = PagesOf(pages);
        AddResult(line, call.Result);
    }

    private void AddIoctl(JsonObject line, NodeCall call, string file)
    {
        line["request"] = call.CommandName ?? DiagnosticsJson.Hex(call.Command);
        line["number"] = DiagnosticsJson.Hex(call.Command);
        CallData data = call.Data ?? throw new ArgumentException("The call came without its data.", nameof(call));
        StructFields? fields = call.Structure is null ? null : StructFields.Of(call.Structure);
        if (fields is not null) line["struct"] = fields.Name;
        if (data.Text is { } text) line["text"] = text;
        else if (call.Before.Length == 0)
            line["argument"] = fields is not null && call.Argument != 0 ? Hole : RecordValues.Number(call.Argument);
        string context = fields is null ? file : ContextOf(call, fields, data, file);
        if (fields is not null && call.Before.Length != 0) AddBefore(line, call, fields, data, context);
        AddMemory(line, data);
        AddMapped(line, data);
        if (call.Command == VfioH.VFIO_GROUP_GET_DEVICE_FD && call.Result >= 0)
            line["result"] = NameOf((int)call.Result, data, (string?)Expected?["result"]);
        else AddResult(line, call.Result);
        if (fields is null || call.Before.Length == 0) return;
        AddAfter(line, call, fields, data, context);
        if (call.Result >= 0) Note(call, file, context);
    }

    private void AddBefore(JsonObject line, NodeCall call, StructFields fields, CallData data, string context)
    {
        int size = Marshal.SizeOf(call.Structure!);
        if (call.Before.Length != size) line["length"] = call.Before.Length;
        var values = new JsonObject();
        foreach (StructField field in fields.All)
        {
            if (BytesOf(field, call.Before) is not { } bytes || (field.Offset != 0 && IsZero(bytes))) continue;
            values[KeyOf(field)] = ValueOf(field, bytes, data, context, null);
        }

        line["in"] = values;
        if (call.Before.Length > size) AddMore(line, call, data, size);
    }

    private static void AddMemory(JsonObject line, CallData data)
    {
        if (data.Memory.Count == 0) return;
        var memory = new JsonObject();
        foreach (CallMemory one in data.Memory)
            memory[one.Field] = one.Before.Length == 0 ? Hole : RecordValues.Bytes(one.Before);
        line["memory"] = memory;
    }

    /// <summary>What follows the structure: descriptors, or bytes.</summary>
    private void AddMore(JsonObject line, NodeCall call, CallData data, int size)
    {
        ReadOnlySpan<byte> more = call.Before.AsSpan(size);
        bool hasFiles = (call.Structure == typeof(VfioIrqSet)
            && (MemoryMarshal.Read<VfioIrqSet>(call.Before).Flags & VfioH.VFIO_IRQ_SET_DATA_EVENTFD) != 0)
            || call.Structure == typeof(VfioPciHotReset);
        if (hasFiles && more.Length % sizeof(int) == 0)
        {
            var names = new JsonArray();
            foreach (int descriptor in MemoryMarshal.Cast<byte, int>(more))
                names.Add((JsonNode)NameOf(descriptor, data, null));
            line["files"] = names;
        }
        else if (more.ContainsAnyExcept((byte)0))
        {
            line["more"] = RecordValues.Bytes(more);
        }
    }

    private static void AddMapped(JsonObject line, CallData data)
    {
        if (data.Hash is not { } hash) return;
        line["sha256"] = hash;
        if (data.Pages is { } pages) line["pages"] = PagesOf(pages);
    }

    private void AddAfter(JsonObject line, NodeCall call, StructFields fields, CallData data, string context)
    {
        var values = new JsonObject();
        foreach (StructField field in fields.All)
        {
            if (BytesOf(field, call.Before) is not { } before || BytesOf(field, call.After) is not { } after) continue;
            if (before.AsSpan().SequenceEqual(after)) continue;
            values[KeyOf(field)] = ValueOf(field, after, data, context, Expected?["out"]?[KeyOf(field)], isOut: true);
        }

        if (values.Count != 0) line["out"] = values;
        int size = Marshal.SizeOf(call.Structure!);
        if (call.After.Length == call.Before.Length && call.Before.Length > size
            && !call.Before.AsSpan(size).SequenceEqual(call.After.AsSpan(size)))
        {
            // How many zeros follow depends on how much memory there is.
            ReadOnlySpan<byte> more = call.After.AsSpan(size);
            line["more_out"] = RecordValues.Bytes(more[..(more.LastIndexOfAnyExcept((byte)0) + 1)]);
        }

        if (call.Result < 0) return; // what a refused call has written so far means nothing
        var memory = new JsonObject();
        foreach (CallMemory one in data.Memory)
        {
            // What was recorded may have ended where a page could not be read.
            int count = Math.Min(one.Before.Length,
                RecordValues.BytesOf(Expected?["memory"]?[one.Field])?.Length ?? int.MaxValue);
            if (one.After.Length < count || one.Before.AsSpan(0, count).SequenceEqual(one.After.AsSpan(0, count)))
                continue;
            memory[one.Field] = RecordValues.Bytes(one.After.AsSpan(0, count));
        }

        if (memory.Count != 0) line["memory_out"] = memory;
    }

    /// <summary>Takes note of what the call bound and destroyed.</summary>
    private void Note(NodeCall call, string file, string context)
    {
        if (call.Structure == typeof(IommuDestroy))
            symbols.Remove(context, MemoryMarshal.Read<IommuDestroy>(call.Before).Id, _began, _ended);
        else if (call.Structure == typeof(IoasisSvaFreePasid))
            symbols.Remove(PasidSpace, MemoryMarshal.Read<IoasisSvaFreePasid>(call.Before).Pasid, _began, _ended);
        else if (call.Structure == typeof(VfioDeviceBindIommufd) || call.Structure == typeof(VhostVdpaSetIommufd))
            symbols.Bind(file, context);
    }

    /// <summary>The context whose objects the call names.</summary>
    private string ContextOf(NodeCall call, StructFields fields, CallData data, string file)
    {
        StructField? iommufd = fields.All.FirstOrDefault(f => f.Name == "iommufd");
        return iommufd is not null && BytesOf(iommufd, call.Before) is { } bytes
            && data.Files.GetValueOrDefault(MemoryMarshal.Read<int>(bytes)) is { File: { } context }
            ? symbols.NameOf(context)
            : symbols.ContextOf(file);
    }

    private JsonNode ValueOf(
        StructField field, byte[] bytes, CallData data, string context, JsonNode? expected, bool isOut = false)
    {
        if (bytes.Length is not (1 or 2 or 4 or 8)) return RecordValues.Bytes(bytes);
        string? wanted = expected is JsonValue value && value.TryGetValue(out string? text)
            && !text.StartsWith("0x", StringComparison.Ordinal) ? text : null;
        bool isDescriptor = field.Type == typeof(int)
            || (isOut && field.Type == typeof(uint) && field.Name.EndsWith("_fd", StringComparison.Ordinal));
        if (isDescriptor) return NameOf(MemoryMarshal.Read<int>(bytes), data, wanted);
        ulong number = RecordValues.Load(bytes);
        bool isPasid = field.Name is "pasid" or "out_pasid";
        string space = isPasid ? PasidSpace : context;
        if (number == 0 || !(isOut ? s_made.ContainsKey(field.Name) || isPasid : s_named.Contains(field.Name)))
            return RecordValues.Number(number);
        string? known = symbols.NameOf(space, number, isOut ? RecordSymbols.Now : _began);
        if (known is not null && !field.Name.StartsWith("out_", StringComparison.Ordinal)) return known;
        return isOut
            ? symbols.Add(space, number, s_made.GetValueOrDefault(field.Name, "pasid"), wanted, _ended)
            : RecordValues.Number(number);
    }

    private string NameOf(int descriptor, CallData data, string? wanted)
    {
        CallFile file = descriptor < 0 ? default : data.Files.GetValueOrDefault(descriptor);
        return file.Kind switch
        {
            CallFileKind.Node => symbols.NameOf(file.File!, wanted),
            CallFileKind.Queue => symbols.NameOf(file.File!, wanted, "queue"),
            CallFileKind.Event => $"event{descriptor}",
            CallFileKind.Memory => $"memory{descriptor}",
            CallFileKind.Other => $"other{descriptor}",
            _ when descriptor == -1 => "none",
            _ => descriptor < 0 ? "negative" : "closed",
        };
    }

    private static void AddResult(JsonObject line, long result)
    {
        if (result < 0) line["errno"] = ((Errno)(-result)).ToString();
        else line["result"] = result;
    }

    private static string KeyOf(StructField field) => field.Name.Length == 0 ? "value" : field.Name;

    private static byte[]? BytesOf(StructField field, byte[] bytes) =>
        field.Offset + field.Size <= bytes.Length ? bytes[field.Offset..(field.Offset + field.Size)] : null;

    private static bool IsZero(byte[] bytes) => !bytes.AsSpan().ContainsAnyExcept((byte)0);
}
