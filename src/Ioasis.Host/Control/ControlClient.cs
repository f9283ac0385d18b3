using System.Net.Sockets;
using System.Text.Json;

namespace Ioasis.Host.Control;

/// <summary>Asks about a running program.</summary>
internal static class ControlClient
{
    /// <summary>Asks one thing.</summary>
    /// <param name="program">The program's process ID; null for the only one that runs.</param>
    /// <param name="request">What to ask.</param>
    /// <exception cref="IOException">There is no such program, or more than one; or it does not answer.</exception>
    public static ControlAnswer Ask(int? program, ControlRequest request)
    {
        int pid = program ?? ControlDirectory.Programs switch
        {
            [int only] => only,
            [] => throw new IOException("nothing runs under ioasis run"),
            var several => throw new IOException($"several programs run under ioasis run; say which by --program: {string.Join(", ", several)}"),
        };
        try
        {
            using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            socket.Connect(new UnixDomainSocketEndPoint(ControlDirectory.SocketOf(pid)));
            using var stream = new NetworkStream(socket);
            using var writer = new StreamWriter(stream) { AutoFlush = true };
            using var reader = new StreamReader(stream);
            writer.WriteLine(JsonSerializer.Serialize(request));
            string line = reader.ReadLine() ?? throw new IOException($"program {pid} ended meanwhile");
            return JsonSerializer.Deserialize<ControlAnswer>(line) ?? throw new IOException($"program {pid} gave no answer");
        }
        catch (IOException e) when (e.InnerException is SocketException)
        {
            throw new IOException($"program {pid} ended meanwhile");
        }
        catch (SocketException)
        {
            throw new IOException($"no program with ID {pid} runs under ioasis run");
        }
    }
}
