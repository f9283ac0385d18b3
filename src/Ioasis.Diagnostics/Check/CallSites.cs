using System.Globalization;
using Ioasis.Core.Observation;

namespace Ioasis.Diagnostics.Check;

/// <summary>
/// Joins events with the calls in which they happened. A call has its name and thread only when it is answered, which
/// is after its events. The checker's lock guards it.
/// </summary>
internal sealed class CallSites : MachineObserver
{
    private readonly Dictionary<long, CallSite> _unanswered = [];

    /// <summary>The call in which an event happened; null for none.</summary>
    internal CallSite? Of(EventStamp stamp)
    {
        if (stamp.Call == 0) return null;
        if (!_unanswered.TryGetValue(stamp.Call, out CallSite? site))
            _unanswered.Add(stamp.Call, site = new CallSite(stamp.Call));
        return site;
    }

    /// <inheritdoc/>
    internal override void OnCall(in CallEvent e)
    {
        if (!_unanswered.Remove(e.Call.Number, out CallSite? site)) return;
        site.Thread = e.Call.Thread;
        site.Name = NameOf(e.Call);
    }

    /// <summary>A call that was answered.</summary>
    internal static CallSite Of(NodeCall call) =>
        new(call.Number) { Thread = call.Thread, Name = NameOf(call) };

    /// <summary>The name of a call, without its arguments.</summary>
    internal static string NameOf(NodeCall call) => call.Name == "ioctl"
        ? $"ioctl({call.CommandName ?? DiagnosticsJson.Hex(call.Command)})"
        : string.Create(CultureInfo.InvariantCulture, $"{call.Name}({call.Path})");
}
