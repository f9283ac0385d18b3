using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Ioasis.Abi;
using Ioasis.Client;
using Ioasis.Core.Observation;
using Ioasis.Diagnostics.Record;
using Ioasis.Diagnostics.Trace;
using Ioasis.Memory;

namespace Ioasis.Replay.Recordings;

/// <summary>
/// Makes the calls of a recording on the nodes of the system that this process runs on: of a real kernel, or those of
/// <c>ioasis run</c>. The memory that the calls name is allocated here, and stands at other addresses.
/// </summary>
public sealed class SystemPlayer : IDisposable
{
    private const int MostBytes = 1 << 16, Closed = 1_000_000;
    private const ulong Turn = 2 << 20, Hole = 0x1000, FileLength = 1 << 30;

    private readonly NodeTransport _nodes = NodeTransport.OfSystem();
    private readonly RecordSymbols _symbols = new();
    private readonly RecordLines _lines;
    private readonly MemoryRegions _regions;
    private readonly UserMemory _argument;
    private readonly Dictionary<MemoryRegion, (UserMemory Memory, ulong Address)> _memory = [];
    private readonly Dictionary<string, NodeHandle> _files = [];
    private readonly Dictionary<string, IDisposable> _named = [];

    // What keeps a file open beside its handle, by the file's name: mappings, and further files of the same device.
    private readonly Dictionary<string, List<IDisposable>> _beside = [];
    private readonly RegionOffsets _offsets = new();
    private readonly bool _hasMemory;

    /// <summary>Allocates the memory that the calls of a recording name.</summary>
    /// <exception cref="IommuException">The system has not that much memory.</exception>
    public SystemPlayer(RecordingFile recording)
    {
        ArgumentNullException.ThrowIfNull(recording);
        _lines = new RecordLines(_symbols);
        _regions = MemoryRegions.Of(recording);
        _hasMemory = recording.HasMemory;
        _argument = _nodes.Allocate(MostBytes);
        foreach (MemoryRegion region in _regions.All)
        {
            // Automatic I/O addresses are aligned as the memory is.
            UserMemory memory = _nodes.Allocate(region.Length + Turn);
            _memory[region] = (memory, memory.Address.Value + ((region.First - memory.Address.Value) & (Turn - 1)));
        }
    }

    /// <summary>Makes all calls until the first whose answer differs.</summary>
    /// <returns>The difference; null if there is none.</returns>
    /// <exception cref="FormatException">A line is none of a recording.</exception>
    public RecordingDifference? Play(IReadOnlyList<JsonObject> lines)
    {
        ArgumentNullException.ThrowIfNull(lines);
        return ReplayLoop.Run(lines, Play, _hasMemory);
    }

    /// <summary>Closes and frees what is open.</summary>
    public void Dispose()
    {
        foreach (string name in _files.Keys.Reverse().ToArray()) Close(name);
        foreach (IDisposable named in _named.Values) named.Dispose();
        foreach ((UserMemory memory, _) in _memory.Values) memory.Dispose();
        _argument.Dispose();
        _nodes.Dispose();
    }

    private JsonObject? Play(JsonObject line)
    {
        _lines.Expected = line;
        string name = (string?)line["file"] ?? "";
        switch ((string?)line["event"])
        {
            case "open" when line["by_call"] is null
                && ((string?)line["path"])?.StartsWith("/dev/", StringComparison.Ordinal) == true:
                var answer = new JsonObject { ["event"] = "open" };
                Errno errno = _nodes.TryOpen(PathOf(line), out NodeHandle? opened);
                if (errno != Errno.None) answer["errno"] = errno.ToString();
                else _files[_symbols.NameOf(opened!, name)] = opened!;
                return answer;
            case "close":
                Close(name);
                return null;
            case "call" when line["injected"] is null && _files.TryGetValue(name, out NodeHandle? file):
                return Call(line, name, file);
            default:
                return null;
        }
    }

    /// <summary>The node that a line opens: each system numbers nodes and groups in its own way.</summary>
    private string PathOf(JsonObject line)
    {
        string path = (string)line["path"]!;
        if ((string?)line["device"] is not { } device) return path;
        string function = $"/sys/bus/pci/devices/{device}";
        if (RecordingFile.IsNodeOfDevice(path))
        {
            return _nodes.TryList($"{function}/vfio-dev", out IReadOnlyList<string> names) == Errno.None
                && names.FirstOrDefault(n => n.StartsWith("vfio", StringComparison.Ordinal)) is { } node
                ? $"/dev/vfio/devices/{node}"
                : path;
        }

        return Directory.Exists($"{function}/iommu_group")
            && File.ResolveLinkTarget($"{function}/iommu_group", returnFinalTarget: false) is { } group
            ? $"/dev/vfio/{group.Name}"
            : path;
    }

    private JsonObject Call(JsonObject line, string name, NodeHandle file)
    {
        WritePages(line);
        RecordValues.TryNumber(line["count"], out ulong count);
        int most = (int)Math.Min(count, MostBytes);
        string call = (string?)line["call"] ?? "";
        byte[]? bytes = RecordValues.BytesOf(line["bytes"]);
        var buffer = new Hva((string?)line["errno"] == nameof(Errno.EFAULT) ? Hole : _argument.Address.Value);
        switch (call)
        {
            case "ioctl":
                return Ioctl(line, name, file);
            case "read":
                SysResult got = file.Read(_offsets.Of(line, name), buffer, (ulong)most);
                byte[] after = got.IsOk ? _argument.ToArray(0, (int)Math.Min(got.Value, most)) : [];
                return _lines.Called(Made(line, file, got, [], after));
            case "write":
                if (bytes is not null) _argument.CopyFrom(0, bytes);
                SysResult put = line["offset"] is null
                    ? file.Write(buffer, (ulong)most)
                    : file.Write(_offsets.Of(line, name), buffer, (ulong)most);
                return _lines.Called(Made(line, file, put, bytes ?? [], []));
            case "mmap":
                string asked = (string?)line["protection"] ?? "";
                Errno errno = file.TryMap(_offsets.Of(line, name), count, Has('s'), Has('r'), Has('w'), Has('x'),
                    out MappedRegion? region);
                if (region is not null) Keep(name, region);
                return _lines.Called(Made(line, file, errno, [], []));

                bool Has(char letter) => asked.Contains(letter, StringComparison.Ordinal);
            default:
                throw new FormatException($"\"{call}\" is no call of a recording.");
        }
    }

    private JsonObject Ioctl(JsonObject line, string name, NodeHandle file)
    {
        if (!RecordValues.TryNumber(line["number"], out ulong command))
            throw new FormatException("An ioctl has no number.");
        var data = new CallData { Space = this };
        Type? type = null;
        byte[] before = [];
        ulong argument = _argument.Address.Value, place = 0;
        if ((string?)line["text"] is { } text)
        {
            _argument.CopyFrom(0, [.. Encoding.Latin1.GetBytes(text), 0]);
            data.Text = text;
        }
        else if (line["in"] is JsonObject values)
        {
            type = RecordedStructs.TypeOf((string?)line["struct"])
                ?? throw new FormatException($"There is no structure \"{line["struct"]}\".");
            before = RecordedStructs.BytesOf(line, type, (word, isDescriptor) => Resolve(word, isDescriptor, data));
            foreach ((string field, JsonNode? value) in values)
                if (MemoryRegions.IsAddress(field)) MoveAddress(before, type, field, value, line, data);
            // What the program could not read after its structure cannot be read here.
            if ((string?)line["errno"] == nameof(Errno.EFAULT) || before.Length < Marshal.SizeOf(type))
                place = _argument.Length - (ulong)before.Length;
            _argument.CopyFrom(place, before);
            argument += place;
        }
        else if (!RecordValues.TryNumber(line["argument"], out argument))
        {
            argument = Hole;
        }

        SysResult result = file.Ioctl((uint)command, argument);
        byte[] after = before.Length == 0 ? [] : _argument.ToArray(place, before.Length);
        foreach (CallMemory memory in data.Memory) memory.After = BytesAt(memory.Address, memory.Before.Length);
        if (result.IsOk)
        {
            TakeMade(command, type, after, result, data);
            if (line["sha256"] is not null) data.Hash = HashOf(line);
        }

        JsonObject answer = _lines.Called(Made(line, file, result, before, after, data, type, (uint)command, argument));
        if (result.IsOk && data.Text is not null)
            TakeDevice(line, answer, (NodeHandle)data.Files[(int)result.Value].File!);
        foreach (CallFile made in data.Files.Values)
            if (made is { Kind: CallFileKind.Queue, File: NodeHandle queue }) _files[_symbols.NameOf(queue)] = queue;
        if (type == typeof(VfioRegionInfo) && result.IsOk)
            _offsets.Take(line, name, MemoryMarshal.Read<VfioRegionInfo>(after).Offset, answer);
        return answer;
    }

    /// <summary>Writes the memory that a field has the address of, and puts its address here into the field.</summary>
    private void MoveAddress(byte[] bytes, Type type, string field, JsonNode? value, JsonObject line, CallData data)
    {
        RecordValues.TryNumber(value, out ulong address);
        ulong here = AddressOf(address) ?? (address == 0 ? 0 : Hole + (address % Hole));
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(RecordedStructs.FieldOf(type, field).Offset), here);
        if (RecordValues.BytesOf(line["memory"]?[field]) is not { } content || AddressOf(address) is null) return;
        Write(here, content);
        data.Memory.Add(new CallMemory(field, here, content));
    }

    /// <summary>The hash of the pages that a call maps; null if it names no memory of ours.</summary>
    private string? HashOf(JsonObject line)
    {
        bool isVfio = line["in"]?["vaddr"] is not null;
        if (!RecordValues.TryNumber(line["in"]?[isVfio ? "vaddr" : "user_va"], out ulong address)
            || !RecordValues.TryNumber(line["in"]?[isVfio ? "size" : "length"], out ulong length)) return null;
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        for (ulong page = address & ~(ReplayPages.PageSize - 1); page < address + length; page += ReplayPages.PageSize)
        {
            if (AddressOf(page) is not { } here) return null;
            hash.AppendData(BytesAt(here, (int)ReplayPages.PageSize));
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private void WritePages(JsonObject line)
    {
        foreach ((string address, JsonNode? page) in line["pages"] as JsonObject ?? [])
        {
            if (!RecordValues.TryNumber(address, out ulong at) || AddressOf(at) is not { } here) continue;
            var whole = new byte[ReplayPages.PageSize];
            RecordValues.BytesOf(page)?.CopyTo(whole, 0);
            Write(here, whole);
        }
    }

    /// <summary>Takes the descriptors that a call returned or made.</summary>
    private void TakeMade(ulong command, Type? type, byte[] after, SysResult result, CallData data)
    {
        if (command == VfioH.VFIO_GROUP_GET_DEVICE_FD)
            data.Files[(int)result.Value] = new CallFile(CallFileKind.Node, _nodes.Adopt((int)result.Value, "device"));
        if (type is null) return;
        foreach (StructField field in StructFields.Of(type).All)
        {
            if (field.Type != typeof(uint) || !field.Name.EndsWith("_fd", StringComparison.Ordinal)) continue;
            int descriptor = BinaryPrimitives.ReadInt32LittleEndian(after.AsSpan(field.Offset));
            data.Files[descriptor] = new CallFile(CallFileKind.Queue, _nodes.Adopt(descriptor, "queue"));
        }
    }

    /// <summary>
    /// Takes a file of a device that a group has given. A machine of ours gives one file again and again, under one
    /// name; it is closed with the last of them.
    /// </summary>
    private void TakeDevice(JsonObject line, JsonObject answer, NodeHandle made)
    {
        string name = (string?)line["result"] ?? _symbols.NameOf(made);
        if (_files.TryAdd(name, made)) return;
        Keep(name, made);
        answer["result"] = name;
    }

    private void Keep(string name, IDisposable beside)
    {
        if (!_beside.TryGetValue(name, out List<IDisposable>? all)) _beside[name] = all = [];
        all.Add(beside);
    }

    private void Close(string name)
    {
        if (_beside.Remove(name, out List<IDisposable>? beside)) foreach (IDisposable one in beside) one.Dispose();
        if (_files.Remove(name, out NodeHandle? closed)) closed.Dispose();
    }

    private NodeCall Made(JsonObject line, NodeHandle file, SysResult result, byte[] before, byte[] after,
        CallData? data = null, Type? type = null, uint command = 0, ulong argument = 0)
    {
        RecordValues.TryNumber(line["offset"], out ulong offset);
        RecordValues.TryNumber(line["count"], out ulong count);
        string? request = (string?)line["request"];
        return new NodeCall
        {
            Number = 0,
            File = file,
            Path = file.Path,
            Thread = 0,
            Descriptor = file.Descriptor,
            Name = (string?)line["call"] ?? "",
            Command = command,
            CommandName = request?.StartsWith("0x", StringComparison.Ordinal) == true ? null : request,
            Structure = type ?? RecordedStructs.TypeOf((string?)line["struct"]),
            Argument = argument,
            Offset = line["offset"] is null ? null : offset,
            Count = count,
            Before = before,
            After = after,
            Data = data,
            Began = 0,
            Result = result.IsOk ? result.Value : -(long)result.Errno,
        };
    }

    private ulong Resolve(string word, bool isDescriptor, CallData data)
    {
        if (!isDescriptor && _symbols.TryNumber(word, out ulong id)) return id;
        if (!isDescriptor) return 0;
        (int descriptor, CallFile file) = Find(word);
        if (descriptor >= 0) data.Files[descriptor] = file;
        return unchecked((ulong)descriptor);
    }

    private (int Descriptor, CallFile File) Find(string word)
    {
        if (_files.TryGetValue(word, out NodeHandle? node))
            return (node.Descriptor, new CallFile(CallFileKind.Node, node));
        if (word is "none" or "negative" or "closed")
            return (word switch { "none" => -1, "negative" => -2, _ => Closed }, default);
        if (!_named.TryGetValue(word, out IDisposable? named))
        {
            named = word[0] switch
            {
                'e' => _nodes.CreateEvent(),
                'm' => _nodes.CreateFile(FileLength),
                _ => _nodes.TryOpen("/dev/null", out NodeHandle? other) == Errno.None ? other! : _nodes.CreateEvent(),
            };
            _named[word] = named;
        }

        return named switch
        {
            UserEvent one => (one.Descriptor, new CallFile(CallFileKind.Event)),
            UserFile file => (file.Descriptor, new CallFile(CallFileKind.Memory)),
            NodeHandle other => (other.Descriptor, new CallFile(CallFileKind.Other)),
            _ => (Closed, default),
        };
    }

    private ulong? AddressOf(ulong address) => _regions.Find(address) is { } region
        ? _memory[region].Address + (address - region.First)
        : null;

    private void Write(ulong address, byte[] bytes)
    {
        (UserMemory memory, ulong offset) = PlaceOf(address);
        memory.CopyFrom(offset, bytes.AsSpan(0, (int)Math.Min((ulong)bytes.Length, memory.Length - offset)));
    }

    private byte[] BytesAt(ulong address, int count)
    {
        (UserMemory memory, ulong offset) = PlaceOf(address);
        return memory.ToArray(offset, (int)Math.Min((ulong)count, memory.Length - offset));
    }

    private (UserMemory Memory, ulong Offset) PlaceOf(ulong address)
    {
        UserMemory found = _memory.Values.First(m => address >= m.Memory.Address.Value
            && address - m.Memory.Address.Value < m.Memory.Length).Memory;
        return (found, address - found.Address.Value);
    }
}
