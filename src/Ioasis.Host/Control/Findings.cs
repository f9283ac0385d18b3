using System.Collections.Immutable;
using System.Text.Json;
using Ioasis.Diagnostics;
using Ioasis.Diagnostics.Report;

namespace Ioasis.Host.Control;

/// <summary>The findings of a program that is checked, for those who ask while it runs. The newest are kept.</summary>
internal sealed class FindingList
{
    /// <summary>How many are kept. An asker sees by the numbers which are gone.</summary>
    internal const int Most = 1000;

    // Only the thread that reports findings writes it, so it needs no lock.
    private volatile Kept _kept = new([], new TaskCompletionSource());

    /// <summary>What is kept now, oldest first.</summary>
    internal ImmutableArray<ControlFinding> All => _kept.Findings;

    /// <summary>Adds one. One thread at a time calls it.</summary>
    internal void Add(ReportedFinding finding)
    {
        Kept before = _kept;
        ImmutableArray<ControlFinding> findings = before.Findings;
        long sequence = findings.IsEmpty ? 1 : findings[^1].Sequence + 1;
        if (findings.Length == Most) findings = findings.RemoveAt(0);
        _kept = new Kept(findings.Add(new ControlFinding(
            sequence, finding.Kind.Name, finding.Kind.Meaning, finding.What, finding.Place.Device,
            finding.Place.Pasid, finding.Place.Iova, finding.File, finding.Line, finding.Lines)),
            new TaskCompletionSource());
        before.Next.SetResult();
    }

    /// <summary>Waits until there are findings after one.</summary>
    /// <param name="sequence">The number of that one; 0 for all.</param>
    /// <param name="longest">How long to wait.</param>
    /// <param name="stop">Ends the wait.</param>
    /// <returns>Those after it; none if the wait ended.</returns>
    internal IEnumerable<ControlFinding> After(long sequence, TimeSpan longest, CancellationToken stop)
    {
        Kept now = _kept;
        if (now.Findings.IsEmpty || now.Findings[^1].Sequence <= sequence)
        {
            try
            {
                now.Next.Task.Wait(longest, stop);
            }
            catch (OperationCanceledException)
            {
                // What there is can still be read.
            }

            now = _kept;
        }

        return now.Findings.Where(f => f.Sequence > sequence);
    }

    private sealed record Kept(ImmutableArray<ControlFinding> Findings, TaskCompletionSource Next);
}

/// <summary>A finding, as the answer shows it.</summary>
/// <param name="Sequence">Counts the findings from 1.</param>
/// <param name="Kind">Its kind.</param>
/// <param name="Meaning">What its kind means, in a sentence.</param>
/// <param name="What">What happened, in a phrase.</param>
/// <param name="Device">The device.</param>
/// <param name="Pasid">The PASID of its request.</param>
/// <param name="Address">The address.</param>
/// <param name="File">The file of source where the program made the call that matters.</param>
/// <param name="Line">The line there.</param>
/// <param name="Lines">The lines of its report, with the stacks of calls.</param>
internal sealed record ControlFinding(long Sequence, string Kind, string Meaning, string What, string? Device,
    uint? Pasid, ulong? Address, string? File, int? Line, IReadOnlyList<string> Lines);

/// <summary>The findings that are kept, and those that come.</summary>
internal sealed class FindingStream(FindingList findings) : IControlStream
{
    private readonly CancellationTokenSource _closed = new();
    private long _told;

    public bool TryNext(TimeSpan longest, List<byte[]> lines)
    {
        bool goesOn = !_closed.IsCancellationRequested;
        foreach (ControlFinding finding in findings.After(_told, longest, _closed.Token))
        {
            _told = finding.Sequence;
            lines.Add(JsonSerializer.SerializeToUtf8Bytes(finding, DiagnosticsJson.Line));
        }

        return goesOn;
    }

    public void Close() => _closed.Cancel();

    // The source has no timer and no handle, and Close may come at the same time.
    public void Dispose()
    {
    }
}
