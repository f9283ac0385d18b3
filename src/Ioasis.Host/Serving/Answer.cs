using Ioasis.Abi;

namespace Ioasis.Host.Serving;

/// <summary>How a stopped call is answered.</summary>
internal readonly struct Answer
{
    private enum How : byte
    {
        Continue,
        Result,
        Sent,
    }

    private readonly How _how;
    private readonly long _kernelValue;

    private Answer(How how, long kernelValue)
    {
        _how = how;
        _kernelValue = kernelValue;
    }

    /// <summary>The kernel is to do the call: it is none of ours.</summary>
    public static Answer Continue => default;

    /// <summary>It was answered already, or nobody waits for it any more.</summary>
    public static Answer Sent => new(How.Sent, 0);

    public bool IsContinue => _how == How.Continue;

    public bool IsSent => _how == How.Sent;

    public static implicit operator Answer(SysResult result) => new(How.Result, result.ToKernelValue());

    public static implicit operator Answer(Errno errno) => (SysResult)errno;

    /// <summary>The answer as the listener takes it.</summary>
    public SeccompNotifResp ToResponse(ulong id) => _how == How.Continue
        ? new SeccompNotifResp { Id = id, Flags = SeccompH.SECCOMP_USER_NOTIF_FLAG_CONTINUE }
        : _kernelValue < 0
            ? new SeccompNotifResp { Id = id, Error = (int)_kernelValue }
            : new SeccompNotifResp { Id = id, Val = _kernelValue };
}
