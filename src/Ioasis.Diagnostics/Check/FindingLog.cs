using System.Diagnostics;
using System.Globalization;
using Ioasis.Diagnostics.Report;
using Ioasis.Memory.Threads;

namespace Ioasis.Diagnostics.Check;

/// <summary>
/// Reports findings. A thread of its own writes, so that no program waits for it; it waits until the calls that a
/// finding names are answered, because a call has its name only then.
/// </summary>
internal sealed class FindingLog : IDisposable
{
    private const int MostWaiting = 10_000;
    private static readonly TimeSpan s_longest = TimeSpan.FromSeconds(1); // for a call that is not answered

    // Guards what follows. Innermost.
    private readonly RankedMonitor _lock = new(LockRank.FindingLog);
    private readonly Queue<(Finding Finding, long Since)> _waiting = [];
    private readonly HashSet<(CheckKind Kind, object Subject)> _known = [];
    private bool _isClosed;
    private int _found;

    private readonly CheckOptions _options;
    private readonly Suppressions _suppressions;
    private readonly Func<TextWriter> _open;
    private readonly Action? _halt;
    private readonly Thread _thread;
    private TextWriter? _output;
    private int _reported, _suppressed;
    private bool _hasFailed;

    /// <param name="options">What becomes of findings.</param>
    /// <param name="suppressions">Those that are not reported.</param>
    /// <param name="open">Opens the file for the reports, with the first of them.</param>
    /// <param name="halt">Ends the program.</param>
    internal FindingLog(CheckOptions options, Suppressions suppressions, Func<TextWriter> open, Action? halt)
    {
        (_options, _suppressions, _open, _halt) = (options, suppressions, open, halt);
        _thread = HostThread.Start("ioasis check", Write);
    }

    /// <summary>Knows where in the program calls were made; null while nobody does.</summary>
    internal ICallStacks? Stacks { get; set; }

    /// <summary>Takes each finding that is reported or counted; null for nobody.</summary>
    internal Action<ReportedFinding>? Told { get; set; }

    /// <summary>How many different findings there were, without those that were suppressed.</summary>
    internal int Count => Volatile.Read(ref _found);

    /// <summary>Takes a finding; the same one is reported once.</summary>
    internal void Add(Finding finding)
    {
        using (_lock.Enter())
        {
            if (_isClosed || _waiting.Count == MostWaiting) return;
            if (finding.Subject is { } subject && _known.Count < MostWaiting && !_known.Add((finding.Kind, subject)))
                return;
            _waiting.Enqueue((finding, Stopwatch.GetTimestamp()));
            _lock.PulseAll();
        }
    }

    /// <summary>A call was answered, which a finding may wait for.</summary>
    internal void Answered()
    {
        using (_lock.Enter())
            if (_waiting.Count != 0) _lock.PulseAll();
    }

    /// <summary>Reports what is left, and ends.</summary>
    public void Dispose()
    {
        using (_lock.Enter())
        {
            _isClosed = true;
            _lock.PulseAll();
        }

        _thread.Join();
    }

    private void Write()
    {
        while (Next() is { } finding) Report(finding);
        if (_output is null) return;
        string more = _found > _reported
            ? string.Create(CultureInfo.InvariantCulture, $", {_found - _reported} of them not reported")
            : "";
        string suppressed = _suppressed == 0
            ? ""
            : string.Create(CultureInfo.InvariantCulture, $"; {_suppressed} suppressed");
        Print([string.Create(CultureInfo.InvariantCulture,
            $"=={Environment.ProcessId}==Ioasis: {_found} finding{(_found == 1 ? "" : "s")}{more}{suppressed}")]);
        _output.Dispose();
    }

    /// <summary>The next finding whose calls are answered; null at the end.</summary>
    private Finding? Next()
    {
        using (_lock.Enter())
        {
            while (true)
            {
                if (_waiting.TryPeek(out (Finding Finding, long Since) first))
                {
                    TimeSpan left = s_longest - Stopwatch.GetElapsedTime(first.Since);
                    bool isReady = first.Finding.Parts.All(p => p.Call is not { Name: null });
                    if (isReady || _isClosed || left <= TimeSpan.Zero) return _waiting.Dequeue().Finding;
                    _lock.Wait(left);
                }
                else if (_isClosed) return null;
                else _lock.Wait();
            }
        }
    }

    private void Report(Finding finding)
    {
        List<string> lines = FindingText.Of(finding, Stacks);
        if (_suppressions.Match(finding.Kind, lines))
        {
            _suppressed++;
            return;
        }

        Interlocked.Increment(ref _found);
        Told?.Invoke(ReportedFinding.Of(finding, lines));
        if (_reported < _options.Most)
        {
            _reported++;
            Print([FindingText.Rule, .. lines]);
        }

        if (_options.HaltOnError) _halt?.Invoke();
    }

    private void Print(IEnumerable<string> lines)
    {
        if (_hasFailed) return;
        try
        {
            _output ??= _open();
            foreach (string line in lines) _output.WriteLine(line);
            _output.Flush();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Findings are still counted.
            _hasFailed = true;
            HostMessages.Tell($"findings cannot be written: {e.Message}");
        }
    }
}
