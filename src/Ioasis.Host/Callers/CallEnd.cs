using Ioasis.Abi;
using Ioasis.Host.Launch;
using Ioasis.Linux.Processes;

namespace Ioasis.Host.Callers;

/// <summary>
/// The end of a call that waits for our answer: the thread stops there before it returns to user mode, and stays until
/// this is disposed of. The thread of ours that begins this does all the rest of it, as ptrace(2) wants.
/// </summary>
/// <remarks>
/// The call must be one that only fatal signals interrupt (<see cref="RunOptions.HoldsCalls"/>). A thread of another
/// tracer, and one that may not be traced, has no such end.
/// </remarks>
internal sealed class CallEnd : IDisposable
{
    // A thread that disappears in another thread's exec reports no event.
    private static readonly TimeSpan s_patience = TimeSpan.FromMilliseconds(100);

    private readonly int _thread;
    private readonly Tracees _tracees;
    private readonly Tracee _tracee;
    private bool _isStopped;
    private int _signal;

    private CallEnd(int thread, Tracees tracees, Tracee tracee)
    {
        (_thread, _tracees, _tracee) = (thread, tracees, tracee);
    }

    /// <summary>
    /// Makes the thread stop at the end of its call. Answer the call next. From here on the thread stops or ends, even
    /// if it is no longer the thread that called.
    /// </summary>
    /// <param name="thread">The thread.</param>
    /// <param name="tracees">Gets the state changes of traced threads.</param>
    /// <param name="end">The end, if the result is <see cref="Errno.None"/>.</param>
    /// <returns>EPERM if another traces the thread, or we may not; ESRCH if it is gone.</returns>
    public static Errno TryBegin(int thread, Tracees tracees, out CallEnd? end)
    {
        end = null;
        Tracee tracee = tracees.Expect(thread);
        Errno errno = SysPtrace.Seize(thread);
        if (errno == Errno.None)
        {
            SysPtrace.Interrupt(thread);
            end = new CallEnd(thread, tracees, tracee);
        }
        else tracees.Forget(thread, tracee);
        return errno;
    }

    /// <summary>Waits until the thread has stopped.</summary>
    /// <returns>False if it has ended instead.</returns>
    public bool Await()
    {
        ChildState state;
        while (!_tracee.TryAwait(out state, s_patience))
            if (!ThreadStatus.IsTraced(_thread)) return false;
        (_isStopped, _signal) = (state.Trapped, state.TrappedSignal);
        return _isStopped;
    }

    /// <summary>The registers of the thread, which has stopped.</summary>
    public bool TryGetRegisters(out ThreadRegisters registers) =>
        SysPtrace.GetRegisters(_thread, out registers) == Errno.None;

    /// <summary>Lets the thread return from its call.</summary>
    public void Dispose()
    {
        if (_isStopped) SysPtrace.Detach(_thread, _signal);
        _tracees.Forget(_thread, _tracee);
    }
}
