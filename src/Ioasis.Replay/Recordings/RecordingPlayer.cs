using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json.Nodes;
using Ioasis.Abi;
using Ioasis.Core.Observation;
using Ioasis.Diagnostics.Record;
using Ioasis.Iommufd.Files;
using Ioasis.Machine;
using Ioasis.Machine.Nodes;

namespace Ioasis.Replay.Recordings;

/// <summary>
/// Makes the calls of a recording again, in their order, on a machine in process. Each call is recorded anew with the
/// names of the recording, so that two answers are equal if their lines are.
/// </summary>
public sealed class RecordingPlayer : MachineObserver, IDisposable
{
    private readonly SoftwareMachine _machine;
    private readonly RecordSymbols _symbols = new();
    private readonly RecordLines _lines;
    private readonly ReplayFiles _files;
    private readonly Dictionary<string, NodeFile> _byName = [];
    private readonly Dictionary<string, ReplayCaller> _callers = [];
    private readonly RegionOffsets _offsets = new();
    private volatile bool _hasFaulted;
    private NodeCall? _answered;

    /// <summary>Begins on a fresh machine.</summary>
    /// <param name="machine">The machine, which the caller disposes of after this.</param>
    public RecordingPlayer(SoftwareMachine machine)
    {
        ArgumentNullException.ThrowIfNull(machine);
        _machine = machine;
        _lines = new RecordLines(_symbols);
        _files = new ReplayFiles((node, file) =>
        {
            file.TellOpen(node.Path, machine.Observers, process: 0);
            return file;
        });
        machine.Observers.Add(this);
    }

    /// <inheritdoc/>
    public override EventKinds Kinds => EventKinds.Call | EventKinds.CallData | EventKinds.Fault;

    /// <summary>Whether a device's access was refused.</summary>
    public bool HasFaulted => _hasFaulted;

    /// <summary>Whether memory is compared: the recording has its pages.</summary>
    public bool HasMemory { get; init; }

    /// <summary>Makes all calls until the first whose answer differs.</summary>
    /// <returns>The difference; null if there is none.</returns>
    /// <exception cref="FormatException">A line is none of a recording.</exception>
    public RecordingDifference? Play(IReadOnlyList<JsonObject> lines)
    {
        ArgumentNullException.ThrowIfNull(lines);
        return ReplayLoop.Run(lines, Play, HasMemory);
    }

    /// <summary>Makes the call of one line, after those of the lines before it.</summary>
    /// <param name="lines">All lines.</param>
    /// <param name="index">Which of them.</param>
    /// <returns>How its answer differs; null if it does not, or the line is no call.</returns>
    /// <exception cref="FormatException">The line is none of a recording.</exception>
    public RecordingDifference? Play(IReadOnlyList<JsonObject> lines, int index)
    {
        ArgumentNullException.ThrowIfNull(lines);
        return ReplayLoop.Step(lines, index, Play, HasMemory);
    }

    /// <summary>Makes one call.</summary>
    /// <returns>The call with its answer here; null for a line that is no call.</returns>
    /// <exception cref="FormatException">The line is none of a recording.</exception>
    public JsonObject? Play(JsonObject line)
    {
        ArgumentNullException.ThrowIfNull(line);
        _lines.Expected = line;
        switch ((string?)line["event"])
        {
            case "open" when line["by_call"] is null && IsNode(line):
                return Open(line);
            case "close":
                if (_byName.Remove(NameOf(line), out NodeFile? closed) && !_byName.ContainsValue(closed))
                    _files.Close(closed);
                return null;
            case "call" when line["injected"] is null:
                return Call(line);
            default:
                return null;
        }
    }

    /// <inheritdoc/>
    internal override void OnCall(in CallEvent e) => _answered = e.Call;

    /// <inheritdoc/>
    public override void OnFault(in FaultEvent e)
    {
        _hasFaulted = true;
    }

    /// <summary>Closes what is open.</summary>
    public void Dispose()
    {
        _machine.Observers.Remove(this);
        _files.Dispose();
    }

    // A file of sysfs has no calls that a machine in process can be made.
    private static bool IsNode(JsonObject line) =>
        ((string?)line["path"])?.StartsWith("/dev/", StringComparison.Ordinal) == true;

    private JsonObject Open(JsonObject line)
    {
        string path = (string?)line["path"] ?? throw new FormatException("A line opens no path.");
        // Each system numbers nodes and groups in its own way.
        if ((string?)line["device"] is { } function)
            path = _machine.NodeOf(function, ofGroup: !RecordingFile.IsNodeOfDevice(path)) ?? path;
        var answer = new JsonObject { ["event"] = "open", ["path"] = line["path"]!.DeepClone() };
        Errno errno = _machine.Paths.TryGetValue(path, out VirtualPath? found) && found is VirtualDevice device
            ? _files.TryOpen(device.Node, out NodeFile? file)
            : Give(out file);
        if (errno != Errno.None)
        {
            answer["errno"] = errno.ToString();
            return answer;
        }

        _files.DescriptorOf(file!);
        _byName[_symbols.NameOf(file!, NameOf(line))] = file!;
        return answer;

        static Errno Give(out NodeFile? none)
        {
            none = null;
            return Errno.ENOENT;
        }
    }

    private JsonObject? Call(JsonObject line)
    {
        if (!_byName.TryGetValue(NameOf(line), out NodeFile? file)) return null; // its open was left out
        ReplayCaller caller = CallerOf(line);
        caller.Own.Holes.Clear();
        caller.Own.IsArgumentCut = false;
        caller.Installed = null;
        bool isMissing = (string?)line["errno"] == nameof(Errno.EFAULT);
        caller.Own.Pages.AreMissing = isMissing;
        caller.LacksRights = (string?)line["errno"] == nameof(Errno.EPERM);
        _files.AreFilesShort = (string?)line["errno"] == nameof(Errno.EINVAL);
        var origin = new CallOrigin(0, _files.DescriptorOf(file));
        _answered = null;
        string name = (string?)line["call"] ?? "";
        ulong offset = _offsets.Of(line, NameOf(line));
        RecordValues.TryNumber(line["count"], out ulong count);
        switch (name)
        {
            case "ioctl":
                Ioctl(line, file, caller, origin);
                break;
            case "read":
                WatchedCalls.Read(file, caller, origin, offset, isMissing ? ReplayMemory.Hole : ReplayMemory.Argument,
                    count);
                break;
            case "write":
                WritePages(line, caller);
                if (RecordValues.BytesOf(line["bytes"]) is { } bytes)
                    caller.Own.Pages.Write(ReplayMemory.Argument, bytes);
                ulong from = (string?)line["bytes"] == RecordLines.Hole ? ReplayMemory.Hole : ReplayMemory.Argument;
                WatchedCalls.Write(file, caller, origin, line["offset"] is null ? null : offset, from, count);
                break;
            case "mmap":
                string asked = (string?)line["protection"] ?? "";
                WatchedCalls.Map(file, origin, offset, count, shared: asked.Contains('s', StringComparison.Ordinal),
                    readable: asked.Contains('r', StringComparison.Ordinal),
                    writable: asked.Contains('w', StringComparison.Ordinal),
                    executable: asked.Contains('x', StringComparison.Ordinal));
                break;
            default:
                throw new FormatException($"\"{name}\" is no call of a recording.");
        }

        caller.Own.Pages.AreMissing = _files.AreFilesShort = false;
        if (_answered is null) return null; // a file that nobody opened
        JsonObject answer = _lines.Called(_answered);
        TakeNew(caller);
        TakeAgain(line, answer);
        if (_answered.Structure == typeof(VfioRegionInfo) && _answered.Result >= 0)
            _offsets.Take(line, NameOf(line), MemoryMarshal.Read<VfioRegionInfo>(_answered.After).Offset, answer);
        return answer;
    }

    private void Ioctl(JsonObject line, NodeFile file, ReplayCaller caller, CallOrigin origin)
    {
        if (!RecordValues.TryNumber(line["number"], out ulong command))
            throw new FormatException("An ioctl has no number.");
        ulong argument = ReplayMemory.Argument;
        WriteMemory(line, caller);
        if ((string?)line["text"] is { } text)
        {
            caller.Own.Pages.Write(argument, [.. Encoding.Latin1.GetBytes(text), 0]);
        }
        else if (line["in"] is JsonObject)
        {
            Type type = RecordedStructs.TypeOf((string?)line["struct"])
                ?? throw new FormatException($"There is no structure \"{line["struct"]}\".");
            byte[] bytes = RecordedStructs.BytesOf(line, type, Resolve);
            caller.Own.IsArgumentCut = caller.Own.Pages.AreMissing || bytes.Length < Marshal.SizeOf(type);
            if (caller.Own.IsArgumentCut) argument = ReplayMemory.ArgumentEnd - (ulong)bytes.Length;
            caller.Own.Pages.Write(argument, bytes);
        }
        else if (!RecordValues.TryNumber(line["argument"], out argument))
        {
            argument = ReplayMemory.Hole;
        }
        else if (caller.Own.Pages.AreMissing)
        {
            caller.Own.Holes.Add(argument);
        }

        WatchedCalls.Ioctl(file, caller, origin, (uint)command, argument);
    }

    /// <summary>Writes the memory that the call finds, at the addresses that its structure has.</summary>
    private static void WriteMemory(JsonObject line, ReplayCaller caller)
    {
        foreach ((string field, JsonNode? value) in line["memory"] as JsonObject ?? [])
        {
            if (!RecordValues.TryNumber(line["in"]?[field] ?? line[field], out ulong address)) continue;
            if (RecordValues.BytesOf(value) is { } bytes)
            {
                caller.Own.Pages.Write(address, bytes);

                // Where the recording could not read on, nothing can.
                ulong end = address + (ulong)bytes.Length;
                if (caller.Own.Pages.AreMissing && end % ReplayPages.PageSize == 0) caller.Own.Holes.Add(end);
            }
            else if (caller.Own.Pages.AreMissing) caller.Own.Holes.Add(address);
        }

        WritePages(line, caller);
    }

    /// <summary>Writes the pages that changed before the call. A line leaves zeros at the end of a page out.</summary>
    private static void WritePages(JsonObject line, ReplayCaller caller)
    {
        foreach ((string address, JsonNode? page) in line["pages"] as JsonObject ?? [])
        {
            if (!RecordValues.TryNumber(address, out ulong at) || RecordValues.BytesOf(page) is not { } bytes) continue;
            var whole = new byte[ReplayPages.PageSize];
            bytes.AsSpan(0, Math.Min(bytes.Length, whole.Length)).CopyTo(whole);
            caller.Own.Pages.Write(at, whole);
        }
    }

    /// <summary>Takes the files that a call made, which have names now.</summary>
    private void TakeNew(ReplayCaller caller)
    {
        if (caller.Installed is { } installed) _byName[_symbols.NameOf(installed)] = installed;
        foreach (CallFile made in _answered!.Data?.Files.Values ?? Enumerable.Empty<CallFile>())
            if (made is { Kind: CallFileKind.Queue, File: NodeFile queue }) _byName[_symbols.NameOf(queue)] = queue;
    }

    /// <summary>
    /// Takes a file that a group gave again. A kernel gives another file of the same device, which has a name of its
    /// own in a recording that was made there.
    /// </summary>
    private void TakeAgain(JsonObject line, JsonObject answer)
    {
        if (line["text"] is null || (string?)line["result"] is not { } name || _byName.ContainsKey(name)
            || answer["errno"] is not null
            || _answered!.Data?.Files.GetValueOrDefault((int)_answered.Result).File is not NodeFile file
            || !_byName.ContainsValue(file)) return;
        _byName[name] = file;
        answer["result"] = name;
    }

    private ulong Resolve(string name, bool isDescriptor)
    {
        if (!isDescriptor && _symbols.TryNumber(name, out ulong id)) return id;
        if (_byName.TryGetValue(name, out NodeFile? file)) return (ulong)_files.DescriptorOf(file);
        return isDescriptor ? unchecked((ulong)ReplayFiles.DescriptorOf(name)) : 0;
    }

    private ReplayCaller CallerOf(JsonObject line)
    {
        string process = (string?)line["process"] ?? RecordLines.FirstProcess;
        if (_callers.TryGetValue(process, out ReplayCaller? caller)) return caller;
        caller = new ReplayCaller(_files);
        _symbols.NameOf(caller.Memory, process, "process");
        return _callers[process] = caller;
    }

    private static string NameOf(JsonObject line) =>
        (string?)line["file"] ?? throw new FormatException("A line names no file.");
}
