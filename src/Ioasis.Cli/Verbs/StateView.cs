using System.Globalization;
using System.Text.Json;
using Ioasis.Diagnostics;
using Ioasis.Diagnostics.State;
using Ioasis.Host.Control;

namespace Ioasis.Cli.Verbs;

/// <summary>Prints which programs run, and the state of one's machine.</summary>
internal static class StateView
{
    private const int MostMaps = 10;

    internal static void Write(IReadOnlyList<ProgramVersion> programs, bool json, TextWriter output)
    {
        if (json)
        {
            JsonOutput.Write(new { Programs = programs }, output);
            return;
        }

        if (programs.Count == 0) output.WriteLine("no program is running under ioasis run");
        else output.WriteLine($"{"PID",7}  {"SUPERVISOR",10}  {"STARTED",-19}  COMMAND");
        foreach (ProgramVersion one in programs)
            output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{one.Program,7}  {one.Supervisor,10}  {one.Started.LocalDateTime:yyyy-MM-dd HH:mm:ss}  "
                    + $"{string.Join(' ', one.Command)}"));
    }

    internal static void Write(byte[] line, bool json, TextWriter output)
    {
        if (json) JsonOutput.WriteText(line, output);
        else Write(Read(line), output);
    }

    /// <summary>Reads a supervisor's answer.</summary>
    /// <exception cref="IOException">It is none.</exception>
    internal static MachineState Read(byte[] line) =>
        JsonSerializer.Deserialize<MachineState>(line, DiagnosticsJson.Line)
            ?? throw new IOException("the supervisor gave no answer");

    private static void Write(MachineState state, TextWriter output)
    {
        foreach (OpenNode file in state.Files)
            output.WriteLine($"file {file.Number}: {file.Path}, opened by process {file.Process}");
        foreach (ContextState context in state.Contexts)
        {
            string kept = context.IsOpen ? "" : ", kept by its devices";
            output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"context {context.Context}: {context.Path}, {context.ChargedBytes} bytes charged{kept}"));
            foreach (ObjectState one in context.Objects) Write(one, state, context, output);
        }

        foreach (GroupState group in state.Groups)
        {
            string claimed = group.Claims == 0 ? "" : ", claimed";
            output.WriteLine($"group {group.Group}: default domain {group.Type}{claimed}");
            foreach (DeviceState device in state.Devices.Where(d => d.Group == group.Group)) Write(device, output);
        }

        foreach (UnitState unit in state.Units) output.WriteLine($"unit {unit.Name}: {unit.Faults} faults");
        output.WriteLine($"PASIDs given out: {state.Pasids}");
    }

    private static void Write(DeviceState device, TextWriter output)
    {
        string waits = device.PageRequests == 0 ? "" : $", {device.PageRequests} page requests not answered";
        output.WriteLine($"  {device.Device} {device.Model} behind {device.Unit}, driver {device.Driver ?? "none"}, "
            + $"bus master {(device.CanSend ? "on" : "off")}{waits}");
        foreach (AttachmentState one in device.Attachments)
        {
            string requests = one.Pasid is { } pasid ? $"PASID {pasid}" : "no PASID";
            string domain = one.Hwpt is { } hwpt ? $"hwpt {hwpt} of context {one.Context}" : $"{one.Domain} domain";
            output.WriteLine($"    {requests}: {domain}");
        }
    }

    private static void Write(ObjectState one, MachineState state, ContextState context, TextWriter output)
    {
        List<string> words = [];
        if (one.Device is not null) words.Add(one.Device);
        if (one.Pasid is { } pasid) words.Add($"PASID {pasid}");
        if (one.Ioas is { } ioas) words.Add($"of ioas {ioas}");
        if (one.Parent is { } parent) words.Add($"on hwpt {parent}");
        if (one.Viommu is { } viommu) words.Add($"of viommu {viommu}");
        if (one.VirtualId is { } virtualId) words.Add($"virtual ID {DiagnosticsJson.Hex(virtualId)}");
        if (one.Type is { } type) words.Add($"type {type}");
        if (one.Flags is { Count: > 0 } flags) words.Add(string.Join(' ', flags));
        if (one.Fault is { } fault) words.Add($"page requests to fault {fault}");
        if (one.Unread is { } unread) words.Add($"{unread} groups unread, {one.Unanswered} read and not answered");
        if (one.MapCount is { } count) words.Add($"{count} mappings, {one.MappedBytes} bytes");
        IEnumerable<string> users = state.Devices.SelectMany(d => d.Attachments
            .Where(a => a.Context == context.Context && a.Hwpt == one.Id)
            .Select(a => a.Pasid is { } number ? $"{d.Device} PASID {number}" : d.Device));
        string attached = string.Join(", ", users);
        if (attached.Length != 0) words.Add($"attached: {attached}");
        output.WriteLine($"  {one.Id,3} {one.Kind,-12} {string.Join(", ", words)}".TrimEnd());
        if (one.Maps is null) return;
        foreach (MapState map in one.Maps.Take(MostMaps))
        {
            string memory = map.FileOffset is { } offset
                ? $"file offset {DiagnosticsJson.Hex(offset)}"
                : $"address {DiagnosticsJson.Hex(map.Address ?? 0)}";
            output.WriteLine($"        {DiagnosticsJson.Hex(map.First)}-{DiagnosticsJson.Hex(map.Last)} "
                + $"{map.Access,-2} {memory}");
        }

        if (one.MapCount > MostMaps) output.WriteLine("        ...");
    }
}
