using System.Text.Json;
using Ioasis.Abi;
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

    /// <summary>Asks through a given directory.</summary>
    /// <exception cref="IOException">There is no such program or more than one, or its supervisor does not
    /// answer.</exception>
    internal static ControlAnswer Ask(ControlDirectory directory, int? program, ControlRequest request)
    {
        int pid = program ?? directory.FindPrograms() switch
        {
            [int only] => only,
            [] => throw new IOException("no program is running under ioasis run"),
            var several => throw new IOException("several programs are running under ioasis run; "
                + $"choose one with --program: {string.Join(", ", several.Select(Describe))}"),
        };
        Errno errno = directory.Connect(pid, out FileDescriptor socket);
        if (errno is Errno.ENOENT or Errno.ECONNREFUSED)
            throw new IOException($"no program with ID {pid} is running under ioasis run");
        if (errno != Errno.None) throw new IOException($"program {pid} cannot be asked about now ({errno})");
        using var connection = new ControlConnection(socket, ControlConnection.LongestAnswer, s_patience);
        if (!connection.TrySend(JsonSerializer.SerializeToUtf8Bytes(request))
            || !connection.TryReceive(out ReadOnlyMemory<byte> line))
            throw new IOException(
                $"program {pid} does not answer: it has ended, or its supervisor lacks the resources to answer now");
        return JsonSerializer.Deserialize<ControlAnswer>(line.Span)
            ?? throw new IOException($"program {pid} gave no answer");
    }

    private static string Describe(int program)
    {
        try { return $"{program} ({File.ReadAllText($"/proc/{program}/comm").TrimEnd('\n')})"; }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { return $"{program}"; }
    }
}
