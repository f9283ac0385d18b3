using Ioasis.Memory;

namespace Ioasis.Core.DmaApi;

/// <summary>A PASID whose requests are translated as the device's requests without one.</summary>
public sealed class SystemPasid : IDisposable
{
    private readonly Action _release;
    private int _isDisposed;

    /// <summary>Names a PASID that a device's home has attached for its driver.</summary>
    /// <param name="value">The PASID.</param>
    /// <param name="release">Gives it back; called once.</param>
    public SystemPasid(Pasid value, Action release)
    {
        ArgumentNullException.ThrowIfNull(release);
        (Value, _release) = (value, release);
    }

    /// <summary>What the device is told to send.</summary>
    public Pasid Value { get; }

    /// <summary>
    /// Gives it back. After the last one of a device no request with the PASID goes through, none is under way, and the
    /// PASID is free. The driver has stopped its device's use of it before.
    /// </summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) == 0) _release();
    }
}
