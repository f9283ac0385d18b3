using System.Text.Json;
using Ioasis.Abi;
using Ioasis.Diagnostics;
using Ioasis.Linux.Files;

namespace Ioasis.Host.Control;

/// <summary>Asks a running program's supervisor.</summary>
internal static class ControlClient
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    /// <summary>Asks one question.</summary>
    /// <param name="program">The program's process ID; null for the only running program.</param>
    /// <param name="request">The question.</param>
    /// <exception cref="IOException">There is no such program or more than one, or its supervisor does not
    /// answer.</exception>
    public static ControlAnswer Ask(int? program, ControlRequest request)
    {
        using ControlDirectory directory = ControlDirectory.Open();
        return Ask(directory, program, request);
    }

    /// <summary>Asks one question, and gives the line that answers it.</summary>
    /// <exception cref="IOException">As in <see cref="Ask(int?, ControlRequest)"/>, or the question is
    /// refused.</exception>
    public static byte[] AskForLine(int? program, ControlRequest request)
    {
        using ControlDirectory directory = ControlDirectory.Open();
        return AskForLine(directory, PidOf(directory, program), request);
    }

    /// <summary>Every program that runs under the user's supervisors, with what it says of itself.</summary>
    public static IReadOnlyList<ProgramVersion> Programs()
    {
        using ControlDirectory directory = ControlDirectory.Open();
        return Programs(directory);
    }

    /// <summary>Subscribes, and hands on each line until the program ends.</summary>
    /// <param name="program">The program's process ID; null for the only running program.</param>
    /// <param name="request">What to subscribe to.</param>
    /// <param name="take">Takes a line.</param>
    /// <param name="stop">Ends it.</param>
    /// <exception cref="IOException">As in <see cref="AskForLine(int?, ControlRequest)"/>.</exception>
    public static void Follow(
        int? program, ControlRequest request, Action<ReadOnlyMemory<byte>> take, CancellationToken stop = default)
    {
        using ControlDirectory directory = ControlDirectory.Open();
        using ControlConnection connection = Connect(directory, PidOf(directory, program), TimeSpan.MaxValue);
        using CancellationTokenRegistration stopped = stop.Register(connection.Shutdown);
        if (!connection.TrySend(JsonSerializer.SerializeToUtf8Bytes(request))) return;
        while (connection.TryReceive(out ReadOnlyMemory<byte> line))
        {
            ThrowIfRefused(line.Span);
            if (!line.Span.SequenceEqual(ControlSocket.Subscribed)) take(line);
        }
    }

    /// <summary>Asks through a given directory.</summary>
    /// <exception cref="IOException">There is no such program or more than one, or its supervisor does not
    /// answer.</exception>
    internal static ControlAnswer Ask(ControlDirectory directory, int? program, ControlRequest request)
    {
        int pid = PidOf(directory, program);
        return JsonSerializer.Deserialize<ControlAnswer>(AnswerOf(directory, pid, request))
            ?? throw new IOException($"program {pid} gave no answer");
    }

    /// <summary>As the one without a directory.</summary>
    internal static byte[] AskForLine(ControlDirectory directory, int pid, ControlRequest request)
    {
        byte[] line = AnswerOf(directory, pid, request);
        ThrowIfRefused(line);
        return line;
    }

    /// <summary>As the one without a directory.</summary>
    internal static IReadOnlyList<ProgramVersion> Programs(ControlDirectory directory)
    {
        List<ProgramVersion> programs = [];
        foreach (int pid in directory.FindPrograms())
        {
            try
            {
                byte[] line = AskForLine(directory, pid, new ControlRequest("version"));
                if (JsonSerializer.Deserialize<ProgramVersion>(line, DiagnosticsJson.Line) is { } version)
                    programs.Add(version);
            }
            catch (Exception e) when (e is IOException or JsonException)
            {
                // It ended meanwhile, or cannot answer now.
            }
        }

        return programs;
    }

    private static int PidOf(ControlDirectory directory, int? program) => program ?? directory.FindPrograms() switch
    {
        [int only] => only,
        [] => throw new NoProgramException("no program is running under ioasis run"),
        var several => throw new IOException("several programs are running under ioasis run; "
            + $"choose one with --program: {string.Join(", ", several.Select(Describe))}"),
    };

    private static ControlConnection Connect(ControlDirectory directory, int pid, TimeSpan patience)
    {
        Errno errno = directory.Connect(pid, out FileDescriptor socket);
        if (errno is Errno.ENOENT or Errno.ECONNREFUSED)
            throw new NoProgramException($"no program with ID {pid} is running under ioasis run");
        if (errno != Errno.None) throw new IOException($"program {pid} cannot be asked about now ({errno})");
        return new ControlConnection(socket, ControlConnection.LongestAnswer, patience);
    }

    private static byte[] AnswerOf(ControlDirectory directory, int pid, ControlRequest request)
    {
        using ControlConnection connection = Connect(directory, pid, s_patience);
        if (!connection.TrySend(JsonSerializer.SerializeToUtf8Bytes(request))
            || !connection.TryReceive(out ReadOnlyMemory<byte> line))
            throw new NoProgramException(
                $"program {pid} does not answer: it has ended, or its supervisor lacks the resources to answer now");
        return line.ToArray();
    }

    private static void ThrowIfRefused(ReadOnlySpan<byte> line)
    {
        if (!line.StartsWith("{\"Error\":\""u8)) return;
        throw new IOException(JsonSerializer.Deserialize<ControlAnswer>(line)?.Error);
    }

    private static string Describe(int program)
    {
        try { return $"{program} ({File.ReadAllText($"/proc/{program}/comm").TrimEnd('\n')})"; }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { return $"{program}"; }
    }
}

/// <summary>There is no such program, or it ended before it answered.</summary>
internal sealed class NoProgramException(string message) : IOException(message);
