using System.Buffers;
using System.Diagnostics;
using System.Text;
using System.Text.Json;
using Ioasis.Abi;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Observation;
using Ioasis.Diagnostics.Injection;
using Ioasis.Diagnostics.State;
using Ioasis.Diagnostics.Trace;
using Ioasis.Iommufd.Objects;

namespace Ioasis.Diagnostics.Events;

/// <summary>Writes events as lines of JSON, or of text.</summary>
/// <param name="nodes">What programs have open, which gives contexts their numbers.</param>
/// <param name="nameOf">What the machine calls a device.</param>
internal sealed class EventLines(OpenNodes nodes, Func<Endpoint, string> nameOf)
{
    private readonly long _started = Stopwatch.GetTimestamp();

    /// <summary>Seconds since the machine began to be observed: the time of an event that happens now.</summary>
    internal double Seconds => Stopwatch.GetElapsedTime(_started).TotalSeconds;

    /// <summary>The line for an event, without its end.</summary>
    public byte[] LineOf(in KeptEvent e)
    {
        var line = new ArrayBufferWriter<byte>(256);
        using (var json = new Utf8JsonWriter(line))
        {
            json.WriteStartObject();
            json.WriteNumber("seq", e.Stamp.Sequence);
            double seconds = Stopwatch.GetElapsedTime(_started, e.Stamp.Timestamp).TotalSeconds;
            json.WriteNumber("time", Math.Round(seconds, 6));
            if (e.Stamp.Call != 0) json.WriteNumber("call_number", e.Stamp.Call);
            Write(new JsonFields(json), e.Event);
            json.WriteEndObject();
        }

        return line.WrittenSpan.ToArray();
    }

    /// <summary>Writes an event for people: its name, then what there is to say about it.</summary>
    internal void Append(StringBuilder text, in KeptEvent e) => Write(new TextFields(text), e.Event);

    /// <summary>The line that tells of events that were lost.</summary>
    public static byte[] LineOfLost(long count) =>
        JsonSerializer.SerializeToUtf8Bytes(new { Event = "lost", Count = count }, DiagnosticsJson.Line);

    private void Write(FieldWriter json, object e)
    {
        switch (e)
        {
            case MapEvent map:
                Begin(json, EventKinds.Map);
                WriteSpace(json, map.Space);
                WriteRange(json, map.Range.First, map.Range.Last);
                json.WriteString("access", StateReader.NameOf(map.Access));
                WriteAddress(json, map.Memory.IsFile ? "file_offset" : "address", map.Memory.Address);
                break;
            case UnmapEvent unmap:
                Begin(json, EventKinds.Unmap);
                WriteSpace(json, unmap.Space);
                WriteRange(json, unmap.Range.First, unmap.Range.Last);
                break;
            case AttachEvent attach:
                Begin(json, EventKinds.Attach);
                WriteDevice(json, attach.Endpoint, attach.Pasid?.Value);
                WriteDomain(json, attach.Domain, attach.Owner);
                break;
            case DetachEvent detach:
                Begin(json, EventKinds.Detach);
                WriteDevice(json, detach.Endpoint, detach.Pasid?.Value);
                WriteDomain(json, detach.Domain, detach.Owner);
                break;
            case InvalidateEvent invalidate:
                Begin(json, EventKinds.Invalidate);
                json.WriteNumber("type", invalidate.Type);
                json.WriteNumber("entries", invalidate.Entries);
                break;
            case PageRequestEvent request:
                Begin(json, EventKinds.PageRequest);
                WriteDevice(json, request.Endpoint, request.Request.Pasid?.Value);
                json.WriteNumber("group", request.Request.Group);
                WriteAddress(json, "address", request.Request.Address.Value);
                json.WriteString("access", request.Request.Access.ToString());
                json.WriteBoolean("last", request.Request.IsLast);
                break;
            case PageResponseEvent response:
                Begin(json, EventKinds.PageResponse);
                WriteDevice(json, response.Endpoint, response.Pasid?.Value);
                json.WriteNumber("group", response.Group);
                json.WriteString("response", response.Response.ToString());
                break;
            case StrayResponseEvent stray:
                Begin(json, EventKinds.StrayResponse);
                WriteObject(json, "fault", stray.Queue);
                json.WriteNumber("cookie", stray.Cookie);
                break;
            case FaultEvent fault:
                Begin(json, EventKinds.Fault);
                json.WriteString("unit", fault.Endpoint.Unit.Name);
                WriteDevice(json, fault.Endpoint, fault.Fault.Pasid?.Value);
                WriteAddress(json, "iova", fault.Iova.Value);
                json.WriteString("access", fault.Fault.IsWrite ? "w" : "r");
                json.WriteString("reason", fault.Reason.ToString());
                json.WriteNumber("code", fault.Fault.Syndrome.Code);
                break;
            case ResetEvent reset:
                Begin(json, EventKinds.Reset);
                WriteDevice(json, reset.Endpoint, null);
                break;
            case DoorbellEvent doorbell:
                Begin(json, EventKinds.Doorbell);
                WriteDevice(json, doorbell.Endpoint, null);
                json.WriteNumber("bar", doorbell.Bar);
                WriteAddress(json, "offset", doorbell.Offset);
                json.WriteNumber("width", doorbell.Width);
                WriteAddress(json, "value", doorbell.Value);
                break;
            case InterruptEvent interrupt:
                Begin(json, EventKinds.Interrupt);
                WriteDevice(json, interrupt.Endpoint, null);
                if (interrupt.Vector is { } vector) json.WriteNumber("vector", vector);
                else json.WriteBoolean("asserted", interrupt.IsAsserted);
                break;
            case BindEvent bind:
                Begin(json, EventKinds.Bind);
                WriteBinding(json, bind.Endpoint, bind.Pasid?.Value, bind.Device);
                break;
            case UnbindEvent unbind:
                Begin(json, EventKinds.Unbind);
                WriteBinding(json, unbind.Endpoint, unbind.Pasid?.Value, unbind.Device);
                break;
            case MdevEvent mdev:
                Begin(json, EventKinds.Mdev);
                json.WriteString("uuid", mdev.Uuid.ToString());
                json.WriteString("type", mdev.Type);
                json.WriteString("parent", mdev.Parent);
                json.WriteString("action", mdev.IsCreated ? "create" : "remove");
                break;
            case DmaEvent dma:
                Begin(json, EventKinds.Dma);
                WriteDevice(json, dma.Endpoint, dma.Access.Pasid?.Value);
                json.WriteAddress("iova", dma.Access.Iova.Value);
                json.WriteNumber("length", dma.Access.Length);
                json.WriteString("access", dma.Access.IsWrite ? "w" : "r");
                break;
            case StaleTranslationEvent stale:
                Begin(json, EventKinds.StaleTranslation);
                WriteDevice(json, stale.Endpoint, stale.Pasid?.Value);
                json.WriteAddress("iova", stale.Iova.Value);
                json.WriteString("access", stale.IsWrite ? "w" : "r");
                break;
            case OpenEvent open:
                Begin(json, EventKinds.Open);
                json.WriteString("path", open.Path);
                json.WriteNumber("process", open.Process);
                if (nodes.NumberOf(open.File) is { } number) json.WriteNumber("file", number);
                break;
            case CloseEvent close:
                Begin(json, EventKinds.Close);
                json.WriteString("path", close.Path);
                break;
            case CallEvent call:
                Begin(json, EventKinds.Call);
                // As text, CallText has it.
                TimeSpan took = Stopwatch.GetElapsedTime(call.Call.Began, call.Stamp.Timestamp);
                if (json is JsonFields fields) WriteCall(fields.Json, call.Call, took);
                break;
            case InjectEvent inject:
                Begin(json, EventKinds.Inject);
                json.WriteString("fault", inject.Path is null ? InjectionWords.Of(inject.Faults) : "open");
                if (inject.Endpoint is { } endpoint) WriteDevice(json, endpoint, null);
                if (inject.Path is { } refused) json.WriteString("path", refused);
                if (inject.Errno != 0) json.WriteString("errno", ((Errno)inject.Errno).ToString());
                break;
        }
    }

    private static void Begin(FieldWriter json, EventKinds kind) => json.WriteString("event", EventNames.Of(kind));

    private void WriteBinding(FieldWriter json, Endpoint? endpoint, uint? pasid, object device)
    {
        if (endpoint is not null) WriteDevice(json, endpoint, pasid);
        WriteObject(json, "devid", device);
    }

    private void WriteSpace(FieldWriter json, object space)
    {
        if (space is IommufdIoas) WriteObject(json, "ioas", space);
        else json.WriteString("space", "driver");
    }

    private void WriteObject(FieldWriter json, string name, object? one)
    {
        if (one is not IommufdObject known) return;
        if (nodes.NumberOf(known) is { } context) json.WriteNumber("context", context);
        json.WriteNumber(name, known.Id);
    }

    private void WriteDomain(FieldWriter json, IommuDomain domain, object? owner)
    {
        if (domain.Holder is IommufdHwpt hwpt) WriteObject(json, "hwpt", hwpt);
        else json.WriteString("domain", owner is IommuGroup ? "default" : StateReader.NameOf(domain));
    }

    private void WriteDevice(FieldWriter json, Endpoint endpoint, uint? pasid)
    {
        json.WriteString("device", nameOf(endpoint));
        if (pasid is { } value) json.WriteNumber("pasid", value);
    }

    private void WriteCall(Utf8JsonWriter json, NodeCall call, TimeSpan took)
    {
        if (call.Thread != 0) json.WriteNumber("thread", call.Thread);
        json.WriteString("call", call.Name);
        json.WriteNumber("fd", call.Descriptor);
        json.WriteString("path", call.Path);
        if (nodes.NumberOf(call.File) is { } number) json.WriteNumber("file", number);
        if (call.Name == "ioctl") json.WriteString("request", call.CommandName ?? DiagnosticsJson.Hex(call.Command));
        if (call.Offset is { } offset) json.WriteString("offset", DiagnosticsJson.Hex(offset));
        if (call.Name != "ioctl") json.WriteNumber("count", call.Count);
        if (call.Structure is { } structure && call.Before.Length != 0)
        {
            StructFields fields = StructFields.Of(structure);
            WriteFields(json, "in", fields.Read(call.Before));
            WriteFields(json, "out", fields.ReadChanged(call.Before, call.After));
        }
        else if (call.Before.Length + call.After.Length != 0)
        {
            if (call.Path.StartsWith("/sys/", StringComparison.Ordinal))
                json.WriteString("text", Encoding.Latin1.GetString(call.Before));
            json.WriteString("bytes", Convert.ToHexStringLower(call.Name == "read" ? call.After : call.Before));
        }

        if (call.Result < 0) json.WriteString("errno", ((Errno)(-call.Result)).ToString());
        else json.WriteNumber("result", call.Result);
        if (call.IsInjected) json.WriteBoolean("injected", true);
        if (call.Why is not null) json.WriteString("why", call.Why);
        json.WriteNumber("took", Math.Round(took.TotalSeconds, 6));
    }

    private static void WriteFields(Utf8JsonWriter json, string name, IEnumerable<ShownField> fields)
    {
        ShownField[] all = [.. fields];
        if (all.Length == 0) return;
        json.WriteStartObject(name);
        foreach (ShownField field in all)
        {
            json.WritePropertyName(field.Name.Length == 0 ? "value" : field.Name);
            if (field.IsNumber) json.WriteRawValue(field.Text);
            else json.WriteStringValue(field.Text);
        }

        json.WriteEndObject();
    }

    private static void WriteRange(FieldWriter json, ulong first, ulong last)
    {
        WriteAddress(json, "iova", first);
        WriteAddress(json, "last", last);
    }

    private static void WriteAddress(FieldWriter json, string name, ulong value) =>
        json.WriteAddress(name, value);
}
