using Ioasis.Abi;
using Ioasis.Core.Observation;
using Ioasis.Diagnostics.Check;
using Ioasis.Diagnostics.Stacks;
using Ioasis.Host.Callers;
using Ioasis.Host.Launch;
using Ioasis.Host.Serving;
using Ioasis.Linux.Processes;
using Ioasis.Linux.Seccomp;
using Ioasis.Linux.Unwinding;
using Ioasis.Memory.Threads;

namespace Ioasis.Host.Stacks;

/// <summary>
/// Where programs make calls. A thread stops at the end of a call that is wanted, its registers and the upper part of
/// its stack are copied, and it goes on. A thread of ours unwinds the copy. Names are found when somebody asks.
/// </summary>
internal sealed class CallStacks : MachineObserver, ICallStacks, IDisposable
{
    private const int MostBytes = 64 << 10, MostWaiting = 256, MostStacks = 1 << 14, MostCalls = 1 << 18;
    private const int MostOpen = 8, Waiting = int.MinValue;
    private static readonly TimeSpan s_room = TimeSpan.FromMilliseconds(500), s_patience = TimeSpan.FromSeconds(5);

    // The calls that the thread serves now, or null where it serves none of which a stack could be wanted.
    [ThreadStatic]
    private static List<long>? s_calls;

    private readonly Func<NodeCall, bool> _isWanted;

    // Guards what follows. Innermost. Those wait on it that unwind, that ask, and that have a stack to unwind.
    private readonly RankedMonitor _lock = new(LockRank.CallStacks);
    private readonly Queue<CapturedStack> _captured = [];
    private readonly Dictionary<long, int> _ofCalls = []; // a stack's number, Waiting, or the complement of a reason's
    private readonly Queue<long> _calls = [];
    private readonly StackDepot _depot = new(MostStacks);
    private readonly List<string> _reasons = [];
    private bool _isClosed;

    // Guards whether a thread uses libdw, which one at a time may, and what follows. Innermost. libdw works on files of
    // programs: nobody else waits for it without end.
    private readonly RankedMonitor _unwinder = new(LockRank.Unwinder);
    private bool _isInUse, _takesLong;

    private readonly List<ProgramCode> _open = []; // of who uses libdw; the one used last stands last

    private readonly Thread? _thread;
    // In the names of ioctls that a report can name.
    private static readonly string[] s_changes =
    [
        "MAP", "ALLOC", "DESTROY", "BIND", "ATTACH", "DETACH", "INVALIDATE", "RESET", "CONTAINER",
    ];

    private SeccompListener? _listener;
    private Tracees? _tracees;
    private CallerTable? _callers;

    /// <summary>Begins. If libdw is missing, the user is told so, and no thread is ever stopped.</summary>
    /// <param name="isWanted">Says of which calls the stacks are wanted.</param>
    public CallStacks(Func<NodeCall, bool> isWanted)
    {
        _isWanted = isWanted;
        if (!Libdw.TryGet(out _)) HostMessages.Tell(Libdw.Missing);
        else if ((_thread = HostThread.TryStart("ioasis stacks", Unwind, Failed)) is null)
            HostMessages.Tell("the host gives no thread that unwinds stacks, so there are none");
    }

    /// <summary>
    /// Whether a report of a check can name a call: those that change what a device reaches, and those that can start
    /// it. Questions are left out.
    /// </summary>
    public static bool MatterToChecks(NodeCall call) => call.Name == "write" || (call.CommandName is { } name
        && !name.Contains("_GET_", StringComparison.Ordinal)
        && Array.Exists(s_changes, word => name.Contains(word, StringComparison.Ordinal)));

    /// <inheritdoc/>
    public override EventKinds Kinds => EventKinds.Call;

    /// <summary>Whether there can be stacks.</summary>
    public bool IsReady => _thread is not null;

    /// <summary>Says who serves calls. Until then there are no stacks.</summary>
    public void Serve(SeccompListener listener, Tracees tracees, CallerTable callers) =>
        (_listener, _tracees, _callers) = (listener, tracees, callers);

    /// <summary>The thread begins to serve a system call.</summary>
    public void Begin()
    {
        if (_thread is not null && _listener is not null) (s_calls ??= []).Clear();
    }

    /// <inheritdoc/>
    internal override void OnCall(in CallEvent e)
    {
        if (s_calls is not { } calls || !_isWanted(e.Call)) return;
        calls.Add(e.Call.Number);
        using (_lock.Enter()) Put(e.Call.Number, Waiting);
    }

    /// <summary>Answers the system call, if the stack at its end is wanted.</summary>
    /// <param name="call">The system call.</param>
    /// <param name="answer">Its answer.</param>
    /// <returns>What is left to answer.</returns>
    public Answer End(in SeccompNotif call, Answer answer)
    {
        if (s_calls is not { Count: > 0 } calls) return answer;
        long[] numbers = [.. calls];
        calls.Clear();
        if (answer.IsSent) return Missing(numbers, "the call was answered early", answer);
        if (!_callers!.TryFind(call, out CallerProcess? process))
            return Missing(numbers, "the process is not known", answer);
        Errno errno = CallEnd.TryBegin((int)call.Pid, _tracees!, out CallEnd? end);
        if (errno != Errno.None)
        {
            return Missing(numbers, errno == Errno.EPERM
                ? "the thread is traced by another, or may not be traced (see /proc/sys/kernel/yama/ptrace_scope)"
                : "the thread is gone", answer);
        }

        CapturedStack captured;
        using (end)
        {
            _listener!.Send(answer.ToResponse(call.Id));
            if (!end!.Await() || !end.TryGetRegisters(out ThreadRegisters registers))
                return Missing(numbers, "the thread ended in the call", Answer.Sent);
            var bytes = new byte[MostBytes];
            Array.Resize(ref bytes, process.Memory.ReadSome(registers.Rsp, bytes));
            ProgramCode code = process.Code ?? process.NoteCode(new ProgramCode(process));
            captured = new CapturedStack(numbers, code, registers, bytes);
        }

        Keep(captured);
        return Answer.Sent;
    }

    /// <summary>The frames of the stack of a call in strace's form, innermost first, or why there are none.</summary>
    /// <param name="call">The call's number.</param>
    /// <returns>Null if the stack of the call was never wanted, or is not kept any more.</returns>
    public IReadOnlyList<string>? LinesOf(long call) => FramesOf(call, out string? reason) is { } frames
        ? [.. frames.Select(f => f.ToStrace())]
        : reason is null ? null : [reason];

    /// <inheritdoc/>
    public string? Of(long call) => FramesOf(call, out string? reason) is { } frames
        ? string.Join('\n', frames.Select((f, i) => f.ToSanitizer(i)))
        : reason;

    private List<CodeFrame>? FramesOf(long call, out string? reason)
    {
        ProgramCode code;
        ReadOnlyMemory<ulong> counters;
        reason = null;
        using (_lock.Enter())
        {
            int number;
            long until = Environment.TickCount64 + (long)s_patience.TotalMilliseconds;
            while (true)
            {
                if (!_ofCalls.TryGetValue(call, out number)) return null;
                long left = until - Environment.TickCount64;
                if (number != Waiting || left <= 0) break;
                _lock.Wait(TimeSpan.FromMilliseconds(left));
            }

            if (number < 0)
            {
                reason = $"no stack: {(number == Waiting ? "it takes too long" : _reasons[~number])}";
                return null;
            }

            (code, counters) = ((ProgramCode)_depot.ProgramOf(number), _depot.FramesOf(number));
        }

        var frames = new List<CodeFrame>(counters.Length);
        if (!TryBeginUse(s_patience))
        {
            reason = "no stack: it takes too long";
            return null;
        }

        try
        {
            Use(code);
            for (int i = 0; i < counters.Length; i++) frames.Add(code.FrameOf(counters.Span[i], isReturn: i != 0));
        }
        finally { EndUse(); }

        return frames;
    }

    /// <summary>Unwinds what there still is, and ends. Stacks can still be asked for.</summary>
    public void Close()
    {
        using (_lock.Enter())
        {
            _isClosed = true;
            _lock.PulseAll();
        }

        _thread?.Join(2 * s_patience);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Close();
        if (!TryBeginUse(TimeSpan.Zero)) return;
        foreach (ProgramCode code in _open) code.Close();
        _open.Clear();
        EndUse();
    }

    // The thread that made the call has gone on. No other program's call waits here: another thread of
    // ours has the next turn.
    private void Keep(CapturedStack captured)
    {
        using (_lock.Enter())
        {
            long until = Environment.TickCount64 + (long)s_room.TotalMilliseconds;
            while (_captured.Count == MostWaiting && !_isClosed)
            {
                long left = until - Environment.TickCount64;
                if (left <= 0) break;
                _lock.Wait(TimeSpan.FromMilliseconds(left));
            }

            if (_captured.Count == MostWaiting || _isClosed)
            {
                PutAll(captured.Calls, ~ReasonOf("more calls came than could be looked at"));
                return;
            }

            _captured.Enqueue(captured);
            _lock.PulseAll();
        }
    }

    private Answer Missing(IReadOnlyList<long> calls, string reason, Answer answer)
    {
        using (_lock.Enter()) PutAll(calls, ~ReasonOf(reason));
        return answer;
    }

    private int ReasonOf(string reason)
    {
        int known = _reasons.IndexOf(reason);
        if (known >= 0) return known;
        _reasons.Add(reason);
        return _reasons.Count - 1;
    }

    private void PutAll(IReadOnlyList<long> calls, int number)
    {
        foreach (long call in calls) Put(call, number);
        _lock.PulseAll();
    }

    private void Put(long call, int number)
    {
        if (_ofCalls.TryAdd(call, number))
        {
            _calls.Enqueue(call);
            if (_calls.Count > MostCalls) _ofCalls.Remove(_calls.Dequeue());
        }
        else _ofCalls[call] = number;
    }

    private void Unwind()
    {
        while (Next() is { } captured)
        {
            ulong[] frames;
            TryBeginUse(null);
            try
            {
                Use(captured.Code);
                frames = captured.Code.Unwind(captured).ToArray();
            }
            finally { EndUse(); }

            using (_lock.Enter())
            {
                int number = frames.Length == 0
                    ? ~ReasonOf("the code of the program cannot be read")
                    : _depot.Add(captured.Code, frames);
                PutAll(captured.Calls, number == -1 && frames.Length != 0 ? ~ReasonOf("there are too many") : number);
            }
        }
    }

    private CapturedStack? Next()
    {
        using (_lock.Enter())
        {
            while (_captured.Count == 0)
            {
                if (_isClosed) return null;
                _lock.Wait();
            }

            CapturedStack next = _captured.Dequeue();
            _lock.PulseAll();
            return next;
        }
    }

    // A fault of ours: programs go on, and there are no more stacks.
    private void Failed(Exception e)
    {
        HostMessages.Tell("unwinding stacks", e);
        using (_lock.Enter())
        {
            _isClosed = true;
            _captured.Clear();
            int reason = ~ReasonOf("unwinding failed");
            foreach (long call in _calls)
                if (_ofCalls[call] == Waiting) _ofCalls[call] = reason;
            _lock.PulseAll();
        }
    }

    // False if another thread uses it for longer than that, and at once if that was seen before. Null: for as long as
    // it takes.
    private bool TryBeginUse(TimeSpan? patience)
    {
        using (_unwinder.Enter())
        {
            long until =
                Environment.TickCount64 + (_takesLong ? 0 : (long)(patience ?? TimeSpan.Zero).TotalMilliseconds);
            while (_isInUse)
            {
                if (patience is null)
                {
                    _unwinder.Wait();
                    continue;
                }

                long left = until - Environment.TickCount64;
                if (left <= 0)
                {
                    _takesLong = true;
                    return false;
                }

                _unwinder.Wait(TimeSpan.FromMilliseconds(left));
            }

            return _isInUse = true;
        }
    }

    private void EndUse()
    {
        using (_unwinder.Enter())
        {
            (_isInUse, _takesLong) = (false, false);
            _unwinder.PulseAll();
        }
    }

    private void Use(ProgramCode code)
    {
        _open.Remove(code);
        _open.Add(code);
        if (_open.Count <= MostOpen) return;
        _open[0].Close();
        _open.RemoveAt(0);
    }
}
