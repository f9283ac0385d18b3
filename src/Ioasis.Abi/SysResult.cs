using System.Globalization;

namespace Ioasis.Abi;

/// <summary>Result of a system call: a value that is not negative, or an <see cref="Abi.Errno"/>.</summary>
public readonly struct SysResult : IEquatable<SysResult>
{
    // Largest errno: the kernel's bound between errors and values (MAX_ERRNO).
    private const int MaxErrno = 4095;

    private readonly long _kernel;

    private SysResult(long kernel) => _kernel = kernel;

    /// <summary>Whether the call succeeded.</summary>
    public bool IsOk => _kernel >= 0;

    /// <summary>The return value if <see cref="IsOk"/>; otherwise -1, as in libc.</summary>
    public long Value => IsOk ? _kernel : -1;

    /// <summary>The error; <see cref="Errno.None"/> if the call succeeded.</summary>
    public Errno Errno => IsOk ? Errno.None : (Errno)(-_kernel);

    /// <summary>A call that succeeded.</summary>
    /// <param name="value">The return value, not negative.</param>
    public static SysResult Ok(long value = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(value);
        return new(value);
    }

    /// <summary>Interprets the kernel's return register: a value, or -errno for an errno up to 4095.</summary>
    /// <param name="value">The register.</param>
    public static SysResult FromKernelValue(long value)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(value, -MaxErrno);
        return new(value);
    }

    /// <summary>A call that failed; <see cref="Errno.None"/> is a call that returned 0.</summary>
    /// <param name="errno">The error.</param>
    public static implicit operator SysResult(Errno errno)
    {
        ArgumentOutOfRangeException.ThrowIfNegative((int)errno, nameof(errno));
        ArgumentOutOfRangeException.ThrowIfGreaterThan((int)errno, MaxErrno, nameof(errno));
        return new(-(long)errno);
    }

    /// <summary>Whether both are the same value, or the same errno.</summary>
    /// <param name="left">One result.</param>
    /// <param name="right">The other.</param>
    public static bool operator ==(SysResult left, SysResult right) => left.Equals(right);

    /// <summary>Whether the two differ.</summary>
    /// <param name="left">One result.</param>
    /// <param name="right">The other.</param>
    public static bool operator !=(SysResult left, SysResult right) => !left.Equals(right);

    /// <summary>The kernel's return register: the value, or -errno.</summary>
    public long ToKernelValue() => _kernel;

    /// <inheritdoc/>
    public bool Equals(SysResult other) => _kernel == other._kernel;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is SysResult other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => _kernel.GetHashCode();

    /// <summary>The value in decimal, or the errno's name after a minus sign: <c>-EINVAL</c>.</summary>
    public override string ToString() => IsOk ? _kernel.ToString(CultureInfo.InvariantCulture) : $"-{Errno}";
}
