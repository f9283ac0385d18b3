using System.Diagnostics;
using Ioasis.Core.Observation;

namespace Ioasis.Diagnostics.Metrics;

/// <summary>
/// A span for each call of a program on a node. It is made when the call is over, with the times at which it began and
/// ended.
/// </summary>
internal static class CallSpans
{
    private static readonly ActivitySource s_source = new(MachineMetrics.Name, OwnVersion.Full);

    /// <summary>Whether somebody wants spans.</summary>
    internal static bool AreHeard => s_source.HasListeners();

    /// <summary>Makes the span of a call.</summary>
    internal static void Tell(in CallEvent e, string errno)
    {
        NodeCall call = e.Call;
        DateTimeOffset ended = DateTimeOffset.UtcNow - Stopwatch.GetElapsedTime(e.Stamp.Timestamp);
        TimeSpan duration = Stopwatch.GetElapsedTime(call.Began, e.Stamp.Timestamp);
        using Activity? span = s_source.StartActivity(
            call.CommandName ?? call.Name, ActivityKind.Server, default(ActivityContext), startTime: ended - duration);
        if (span is null) return;
        if (span.IsAllDataRequested)
        {
            span.SetTag("ioasis.path", call.Path);
            span.SetTag("ioasis.fd", call.Descriptor);
            span.SetTag("ioasis.call", call.Number);
            span.SetTag(Labels.Errno, errno);
            if (call.Process != 0) span.SetTag("process.pid", call.Process);
            if (call.Thread != 0) span.SetTag("thread.id", call.Thread);
            if (call.IsInjected) span.SetTag("ioasis.injected", true);
            if (call.Result < 0)
            {
                span.SetTag("ioasis.why", call.Why);
                span.SetStatus(ActivityStatusCode.Error, call.Why ?? errno);
            }
        }

        span.SetEndTime(ended.UtcDateTime);
    }
}
