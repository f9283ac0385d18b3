using Ioasis.Memory;

namespace Ioasis.Core.Pasids;

/// <summary>A PASID that a driver's device may send until the driver gives it back.</summary>
public abstract class HeldPasid : IDisposable
{
    private readonly Action _release;
    private int _isDisposed;

    private protected HeldPasid(Pasid value, Action release)
    {
        ArgumentNullException.ThrowIfNull(release);
        (Value, _release) = (value, release);
    }

    /// <summary>What the device is told to send.</summary>
    public Pasid Value { get; }

    /// <summary>Gives it back. The driver has stopped its device's use of it before.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) == 0) _release();
        GC.SuppressFinalize(this);
    }
}
