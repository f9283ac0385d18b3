using System.Globalization;
using Ioasis.Host.Control;
using Ioasis.Web.Serving;
using Ioasis.Web.Sources;

namespace Ioasis.Web;

/// <summary>The page's program, which <c>ioasis web</c> starts.</summary>
internal static class Program
{
    private const int UsageError = 2;

    private static async Task<int> Main(string[] arguments)
    {
        if (arguments is not ["program", var word, var portWord]
            || !int.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out int pid)
            || !int.TryParse(portWord, NumberStyles.None, CultureInfo.InvariantCulture, out int port))
        {
            await Console.Error.WriteLineAsync("ioasis-web: started by ioasis web, as: ioasis-web program PID PORT.");
            return UsageError;
        }

        ProgramVersion? one = ControlClient.Programs().FirstOrDefault(p => p.Program == pid);
        if (one is null)
        {
            await Console.Error.WriteLineAsync($"ioasis-web: no program with ID {pid} is running under ioasis run.");
            return UsageError;
        }

        using var source = new ProgramSource(pid, string.Join(' ', one.Command));
        await using var server = new WebServer(source, port);
        await server.Start(CancellationToken.None);
        await Console.Out.WriteLineAsync($"ioasis: {server.Url}");
        await Console.Out.FlushAsync();
        await server.Wait(CancellationToken.None);
        return 0;
    }
}
