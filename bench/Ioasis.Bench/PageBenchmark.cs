using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;

namespace Ioasis.Bench;

/// <summary>
/// What a page that is open costs a program: an ioctl under <c>ioasis run --web</c>, with one page that follows the
/// changes, compared with the same under <c>ioasis run</c> alone. The program begins when the page reads.
/// </summary>
internal static class PageBenchmark
{
    private const double Most = 1.05;

    internal static IEnumerable<Comparison> Run(int rounds)
    {
        foreach ((string program, string what) in ((string, string)[])[
            ("roundtrip", "ioctl"), ("map_storm", "map and unmap of a page")])
        {
            List<double> shown = [], alone = [];
            for (int round = 0; round < rounds; round++)
            {
                alone.Add(Measure(program, hasPage: false));
                shown.Add(Measure(program, hasPage: true));
            }

            yield return new Comparison($"{what} with a page open", Series.Of(shown), "under run", Series.Of(alone))
            {
                Target = Most,
            };
        }
    }

    private static double Measure(string name, bool hasPage)
    {
        string program = Baselines.Program(name);
        // Both wait for a line in the same way.
        string[] words =
        [
            "run", .. hasPage ? ["--web"] : (string[])[], "--", "sh", "-c", "read line && exec \"$0\"", program,
        ];
        var start = new ProcessStartInfo(Path.Combine(Baselines.Root, "ioasis"), words)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Baselines.Root,
        };
        using Process process = Process.Start(start)!;
        using var stop = new CancellationTokenSource();
        Task<int> page = hasPage ? Follow(process, stop.Token) : Task.FromResult(0);
        process.StandardInput.WriteLine();
        process.StandardInput.Flush();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"{program} ended with {process.ExitCode}: {output}");
        if (hasPage && page.GetAwaiter().GetResult() < 2)
            throw new InvalidOperationException("the page heard of no change");
        string figure = output[(output.LastIndexOf(": ", StringComparison.Ordinal) + 2)..].Split(' ')[0];
        return double.Parse(figure, CultureInfo.InvariantCulture);
    }

    // Returns when the page has its first line; the task counts on until the program ends.
    private static Task<int> Follow(Process process, CancellationToken stop)
    {
        string line = process.StandardError.ReadLine()
            ?? throw new InvalidOperationException("ioasis run --web told no URL");
        var url = new Uri(line[line.IndexOf("http", StringComparison.Ordinal)..]);
        var http = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { Timeout = Timeout.InfiniteTimeSpan };
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", url.Query["?t=".Length..]);
        var reader = new StreamReader(http.GetStreamAsync(new Uri(url, "/api/changes"), stop).GetAwaiter().GetResult());
        reader.ReadLine();
        return Task.Run(async () =>
        {
            using HttpClient all = http;
            using StreamReader lines = reader;
            int count = 1;
            while (await lines.ReadLineAsync(stop) is { } next)
                if (next.StartsWith("data: ", StringComparison.Ordinal)) count++;
            return count;
        }, stop);
    }
}
