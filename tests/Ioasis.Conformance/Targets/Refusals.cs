using System.Collections.Concurrent;
using Ioasis.Abi;
using Ioasis.Core.Observation;

namespace Ioasis.Conformance.Targets;

/// <summary>Watches the machine within this process: every refused call says why.</summary>
internal sealed class Refusals : MachineObserver
{
    private readonly ConcurrentQueue<string> _unexplained = new();
    private int _seen;

    /// <summary>How many calls were refused.</summary>
    internal int Seen => Volatile.Read(ref _seen);

    public override EventKinds Kinds => EventKinds.Call;

    internal override void OnCall(in CallEvent e)
    {
        NodeCall call = e.Call;
        if (call.Result >= 0) return;
        Interlocked.Increment(ref _seen);
        if (!string.IsNullOrWhiteSpace(call.Why)) return;
        string what = call.CommandName ?? $"0x{call.Command:x}";
        _unexplained.Enqueue($"{call.Name} {call.Path} {what}: {(Errno)(-call.Result)}");
    }

    /// <summary>The refused calls since the last time that did not say why.</summary>
    internal string[] TakeUnexplained()
    {
        List<string> taken = [];
        while (_unexplained.TryDequeue(out string? one)) taken.Add(one);
        return [.. taken];
    }
}
