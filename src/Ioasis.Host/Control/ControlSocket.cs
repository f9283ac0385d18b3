using System.Net.Sockets;
using System.Text.Json;
using Ioasis.Core.Faults;
using Ioasis.Core.Walks;
using Ioasis.Machine;
using Ioasis.Memory;

namespace Ioasis.Host.Control;

/// <summary>
/// Answers what the user asks about a program while it runs. Nothing of the program waits for it, and nothing that is asked changes anything.
/// </summary>
internal sealed class ControlSocket : IDisposable
{
    // Guards what follows. Nothing else is locked while it is held.
    private readonly Lock _lock = new();
    private readonly SoftwareMachine _machine;
    private readonly int _program;
    private Socket? _listener;
    private bool _ended;

    /// <summary>Begins to answer for a program, which does not wait for that.</summary>
    public ControlSocket(SoftwareMachine machine, int program)
    {
        _machine = machine;
        _program = program;
        new Thread(Serve) { IsBackground = true, Name = "control" }.Start();
    }

    /// <summary>Answers no more, and takes the socket away.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            _ended = true;
            if (_listener is null) return;
            _listener.Dispose();
            File.Delete(ControlDirectory.SocketOf(_program));
        }
    }

    /// <summary>Opens the socket. A program that cannot be asked about runs all the same: null, with the reason said.</summary>
    private Socket? TryOpen()
    {
        try
        {
            lock (_lock)
            {
                if (_ended) return null;
                string path = ControlDirectory.SocketOf(_program);
                File.Delete(path); // of an earlier process with that ID
                var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                listener.Bind(new UnixDomainSocketEndPoint(path));
                listener.Listen();
                return _listener = listener;
            }
        }
        catch (Exception e) when (e is IOException or SocketException or UnauthorizedAccessException)
        {
            ErrorOutput.Say($"walk and faults cannot ask about this program: {e.Message}");
            return null;
        }
    }

    private void Serve()
    {
        if (TryOpen() is not { } listener) return;
        while (true)
        {
            try
            {
                using Socket connection = listener.Accept();
                connection.ReceiveTimeout = 5000; // who connects and says nothing holds nobody up for long
                using var stream = new NetworkStream(connection);
                using var reader = new StreamReader(stream);
                using var writer = new StreamWriter(stream);
                writer.WriteLine(JsonSerializer.Serialize(Answer(reader.ReadLine())));
            }
            catch (Exception e) when (e is IOException or SocketException)
            {
                lock (_lock)
                    if (_ended) return;
            }
            catch (ObjectDisposedException)
            {
                return;
            }
        }
    }

    private ControlAnswer Answer(string? line)
    {
        try
        {
            return line is null || JsonSerializer.Deserialize<ControlRequest>(line) is not { } request ? new ControlAnswer("no question")
                : request.Verb switch
                {
                    "walk" => Walk(request),
                    "faults" => new ControlAnswer(Faults: [.. _machine.Units.SelectMany(u => u.Faults.Snapshot().Select(f => Tell(u.Name, f)))]),
                    _ => new ControlAnswer($"\"{request.Verb}\" is not known"),
                };
        }
        catch (JsonException e)
        {
            return new ControlAnswer(e.Message);
        }
    }

    private ControlAnswer Walk(ControlRequest request)
    {
        if (_machine.Devices.FirstOrDefault(d => d.Requester.ToString() == request.Device) is not { } device)
            return new ControlAnswer($"there is no device {request.Device}; there is {string.Join(", ", _machine.Devices.Select(d => d.Requester))}");
        if (request.Pasid > Pasid.MaxValue) return new ControlAnswer($"{request.Pasid} is no PASID; 0 to {Pasid.MaxValue} are");
        Pasid? pasid = request.Pasid is { } value ? new Pasid(value) : null;
        TranslationWalk walk = TranslationWalk.Of(device.Endpoint, pasid, new Iova(request.Address), request.Write);
        return new ControlAnswer(Steps: walk.Steps, Reason: walk.Reason);
    }

    private static ControlFault Tell(string unit, FaultRecord fault) =>
        new(unit, fault.Sequence, fault.Requester.ToString(), fault.Pasid?.Value, fault.Iova.Value, fault.IsWrite, fault.Reason, fault.Code);
}
