using Ioasis.Memory;

namespace Ioasis.Core.Pasids;

/// <summary>A binding of a device to a process: requests with the PASID use the process's own pointers.</summary>
public sealed class BoundProcess : IDisposable
{
    private readonly Action _unbind;
    private int _isDisposed;

    /// <summary>Names a binding that a device's home has made for its driver.</summary>
    /// <param name="value">The PASID.</param>
    /// <param name="unbind">Undoes the binding; called once.</param>
    public BoundProcess(Pasid value, Action unbind)
    {
        ArgumentNullException.ThrowIfNull(unbind);
        (Value, _unbind) = (value, unbind);
    }

    /// <summary>What the device is told to send.</summary>
    public Pasid Value { get; }

    /// <summary>
    /// Undoes the binding. After the last one of a device and a process no access of the device uses the process's
    /// memory. The driver has stopped its device's use of the PASID before.
    /// </summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) == 0) _unbind();
    }
}
