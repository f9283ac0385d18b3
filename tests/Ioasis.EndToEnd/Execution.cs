using System.Diagnostics;
using System.Text;
using System.Text.RegularExpressions;

namespace Ioasis.EndToEnd;

/// <summary>How a program ended, and everything that it said.</summary>
internal sealed partial record Ending(string Command, int Code, string Output, string Error)
{
    /// <summary>
    /// Fails with all that was said unless the program ended with <paramref name="code"/>, and unless nothing within
    /// the supervisor threw: it catches what its parts throw, says so in a line, and goes on.
    /// </summary>
    public Ending MustEnd(int code = 0)
    {
        Assert.True(Code == code, $"expected {Command} to end with {code}, came {this}");
        Assert.False(Thrown.IsMatch(Error), $"expected {Command} to end without an exception, came {this}");
        return this;
    }

    public Ending MustSay(params ReadOnlySpan<string> lines)
    {
        foreach (string line in lines)
            Assert.True(Output.Contains(line, StringComparison.Ordinal),
                $"expected {Command} to say \"{line}\", came {this}");
        return this;
    }

    [GeneratedRegex(@"^ioasis: .* failed: [\w.]+Exception\b", RegexOptions.Multiline)]
    private static partial Regex Thrown { get; }

    public override string ToString() => $"{Code}\n--- its output\n{Output}\n--- its errors\n{Error}";
}

/// <summary>
/// A program under way. It is killed, with all that it started, when it is disposed or takes too long.
/// </summary>
internal sealed class Execution : IDisposable
{
    private readonly Process _process;
    private readonly string _command;
    private readonly StringBuilder _output = new();
    private readonly Task<string> _error;
    private readonly CancellationTokenSource _patience;

    private Execution(ProcessStartInfo start, TimeSpan patience)
    {
        _command = string.Join(' ', start.ArgumentList.Prepend(start.FileName));
        _process = Process.Start(start) ?? throw new InvalidOperationException($"{_command} did not start");
        _error = _process.StandardError.ReadToEndAsync();
        _patience = new CancellationTokenSource(patience);
    }

    public int Id => _process.Id;

    /// <summary>Long enough for a loaded machine with two cores; no test is meant to come near it.</summary>
    public static TimeSpan Patience { get; } = TimeSpan.FromMinutes(4);

    public static Execution Start(
        IEnumerable<string> command, IReadOnlyDictionary<string, string>? environment = null, TimeSpan? patience = null)
    {
        string[] words = [.. command];
        ProcessStartInfo start = new(words[0], words[1..])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = "/",
        };
        start.Environment["IOASIS_LOCK_ORDER"] = "1"; // a lock against the order ends `ioasis run`
        foreach ((string name, string value) in environment ?? new Dictionary<string, string>())
            start.Environment[name] = value;
        return new Execution(start, patience ?? Patience);
    }

    public static async Task<Ending> Run(
        IEnumerable<string> command, IReadOnlyDictionary<string, string>? environment = null, string? input = null,
        TimeSpan? patience = null)
    {
        using Execution execution = Start(command, environment, patience);
        if (input is not null)
            await execution.Say(input);
        return await execution.End();
    }

    public async Task Say(string text)
    {
        await _process.StandardInput.WriteAsync(text);
        await _process.StandardInput.FlushAsync();
    }

    /// <summary>Reads on until the program says this line.</summary>
    public async Task Hear(string line)
    {
        try
        {
            while (await _process.StandardOutput.ReadLineAsync(_patience.Token) is { } said)
            {
                _output.AppendLine(said);
                if (said == line)
                    return;
            }
        }
        catch (OperationCanceledException)
        {
            Kill();
        }
        Assert.Fail($"expected {_command} to say \"{line}\", came {await End()}");
    }

    /// <summary>Reads on until the program says this, with or without the end of a line.</summary>
    public async Task HearPart(string part)
    {
        char[] one = new char[1];
        int from = _output.Length;
        try
        {
            while (await _process.StandardOutput.ReadAsync(one, _patience.Token) == 1)
            {
                _output.Append(one[0]);
                if (_output.ToString(from, _output.Length - from).EndsWith(part, StringComparison.Ordinal)) return;
            }
        }
        catch (OperationCanceledException)
        {
            Kill();
        }
        Assert.Fail($"expected {_command} to say \"{part}\", came {await End()}");
    }

    /// <summary>The next line that the program says.</summary>
    public async Task<string> HearLine()
    {
        string? said = await _process.StandardOutput.ReadLineAsync(_patience.Token);
        if (said is null)
            Assert.Fail($"expected {_command} to say something, came {await End()}");
        _output.AppendLine(said);
        return said;
    }

    public async Task<Ending> End()
    {
        _process.StandardInput.Close();
        string late = "";
        try
        {
            char[] block = new char[4096];
            while (await _process.StandardOutput.ReadAsync(block, _patience.Token) is > 0 and var count)
                _output.Append(block, 0, count);
            await _process.WaitForExitAsync(_patience.Token);
        }
        catch (OperationCanceledException)
        {
            Kill();
            late = "\n(it took too long and was killed)";
            await _process.WaitForExitAsync(CancellationToken.None);
        }
        return new Ending(_command, _process.ExitCode, _output.ToString(), await _error + late);
    }

    public void Dispose()
    {
        Kill();
        _process.Dispose();
        _patience.Dispose();
    }

    private void Kill()
    {
        if (!_process.HasExited)
            _process.Kill(entireProcessTree: true);
    }
}
