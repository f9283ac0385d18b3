using System.Text.Json;
using Ioasis.Core.Faults;
using Ioasis.Core.Walks;
using Ioasis.Machine;
using Ioasis.Memory;

namespace Ioasis.Host.Control;

/// <summary>Answers the user's questions about a machine that programs use. Questions change nothing.</summary>
internal sealed class ControlAnswers(SoftwareMachine machine)
{
    /// <summary>Answers a line of JSON with a line of JSON. Never throws: an error becomes the answer.</summary>
    public byte[] Answer(ReadOnlyMemory<byte> line)
    {
        try
        {
            return JsonSerializer.SerializeToUtf8Bytes(AnswerTo(line));
        }
        catch (Exception e)
        {
            return JsonSerializer.SerializeToUtf8Bytes(new ControlAnswer(e.Message));
        }
    }

    private ControlAnswer AnswerTo(ReadOnlyMemory<byte> line)
    {
        if (line.IsEmpty || JsonSerializer.Deserialize<ControlRequest>(line.Span) is not { } request)
            return new ControlAnswer("missing question");
        return request.Verb switch
        {
            "walk" => Walk(request),
            "faults" => new ControlAnswer(
                Faults: [.. machine.Units.SelectMany(u => u.Faults.Snapshot().Select(f => Tell(u.Name, f)))]),
            _ => new ControlAnswer($"\"{request.Verb}\" is not known"),
        };
    }

    private ControlAnswer Walk(ControlRequest request)
    {
        if (request.Pasid > Pasid.MaxValue)
            return new ControlAnswer($"{request.Pasid} is not a PASID; the largest is {Pasid.MaxValue}");
        Pasid? pasid = request.Pasid is { } value ? new Pasid(value) : null;
        if (Guid.TryParseExact(request.Device, "D", out Guid uuid)) return WalkMdev(uuid, pasid, request);
        if (machine.Devices.FirstOrDefault(d => d.Requester.ToString() == request.Device) is not { } device)
            return new ControlAnswer($"there is no device {request.Device}; "
                + $"expected one of: {string.Join(", ", machine.Devices.Select(d => d.Requester))}");
        TranslationWalk walk = TranslationWalk.Of(device.Endpoint, pasid, new Iova(request.Address), request.Write);
        return new ControlAnswer(Steps: walk.Steps, Reason: walk.Reason);
    }

    private ControlAnswer WalkMdev(Guid uuid, Pasid? pasid, ControlRequest request)
    {
        if (machine.Mdevs.FirstOrDefault(m => m.Uuid == uuid) is not { } mdev)
            return new ControlAnswer($"there is no mdev {uuid}; "
                + (machine.Mdevs.Count == 0
                    ? "there are none"
                    : $"expected one of: {string.Join(", ", machine.Mdevs.Select(m => m.Uuid))}"));
        TranslationWalk walk = mdev.Walk(pasid, new Iova(request.Address), request.Write);
        return new ControlAnswer(Steps: walk.Steps, Reason: walk.Reason);
    }

    private static ControlFault Tell(string unit, FaultRecord fault) =>
        new(unit, fault.Sequence, fault.Device.ToString(), fault.Pasid?.Value, fault.Iova.Value, fault.IsWrite,
            fault.Reason, fault.Code);
}
