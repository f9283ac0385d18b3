using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Ioasis.Host.Control;
using Ioasis.Host.Launch;
using Ioasis.Web.Serving;
using Ioasis.Web.Sources;

namespace Ioasis.Web;

/// <summary>The page's program, which <c>ioasis web</c> and <c>ioasis run --web</c> start.</summary>
internal static class Program
{
    private const int CannotServe = 1, UsageError = 2, NoProgram = 3; // docs/commands.md

    // A supervisor that starts us is about to make its socket.
    private static readonly TimeSpan s_socketPatience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan s_look = TimeSpan.FromMilliseconds(20);

    private static async Task<int> Main(string[] arguments)
    {
        bool endsWithInput = arguments is [.., PageProgram.EndsWithInput];
        if (endsWithInput) arguments = arguments[..^1];
        if (arguments.Length < 2 || !TryRead(arguments[^1], out int port))
            return Say("ioasis-web is started by ioasis web, as: ioasis-web program PID PORT", UsageError);
        try
        {
            using IMachineSource? source = await SourceOf(arguments[..^1], endsWithInput);
            return source is null
                ? Say($"ioasis-web cannot show {string.Join(' ', arguments[..^1])}", UsageError)
                : await Serve(source, port, endsWithInput);
        }
        catch (NoProgramException e)
        {
            return Say(e.Message, NoProgram);
        }
        catch (FormatException e)
        {
            return Say(e.Message.TrimEnd('.'), UsageError);
        }
        catch (IOException e)
        {
            return Say(
                e.InnerException is SocketException or Microsoft.AspNetCore.Connections.AddressInUseException
                    ? $"port {port} is in use, or may not be used"
                    : e.Message, CannotServe);
        }
    }

    private static async Task<IMachineSource?> SourceOf(string[] words, bool isStarting) => words switch
    {
        ["program", var word] when TryRead(word, out int pid) =>
            new ProgramSource(pid, string.Join(' ', (await Find(pid, isStarting)).Command)),
        ["recording", var path] => RecordingSource.Open(path),
        ["lessons"] => new NoMachine(),
        _ => null,
    };

    private static async Task<ProgramVersion> Find(int pid, bool isStarting)
    {
        long end = Environment.TickCount64 + (long)s_socketPatience.TotalMilliseconds;
        while (true)
        {
            if (ControlClient.Programs().FirstOrDefault(p => p.Program == pid) is { } found) return found;
            if (!isStarting || Environment.TickCount64 > end)
                throw new NoProgramException($"no program with ID {pid} is running under ioasis run");
            await Task.Delay(s_look);
        }
    }

    private static async Task<int> Serve(IMachineSource source, int port, bool endsWithInput)
    {
        await using var server = new WebServer(source, port);
        await server.Start(CancellationToken.None);
        // Not by Console, which may change the settings of a terminal; that belongs to the program.
        await using (Stream output = Console.OpenStandardOutput())
            await output.WriteAsync(Encoding.ASCII.GetBytes($"ioasis: {server.Url}\n"));
        if (endsWithInput)
        {
            await WaitForEndOfInput();
            await server.Drain();
            await server.Stop();
        }
        else
        {
            await server.Wait(CancellationToken.None);
        }

        return 0;
    }

    private static async Task WaitForEndOfInput()
    {
        await using Stream input = Console.OpenStandardInput();
        while (await input.ReadAsync(new byte[1]) != 0)
        {
            // Nobody sends anything.
        }
    }

    private static int Say(string sentence, int code)
    {
        Console.Error.WriteLine($"ioasis: {sentence}.");
        return code;
    }

    private static bool TryRead(string word, out int number) =>
        int.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out number);
}
