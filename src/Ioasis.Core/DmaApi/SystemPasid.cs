using Ioasis.Core.Endpoints;
using Ioasis.Memory;

namespace Ioasis.Core.DmaApi;

/// <summary>A PASID whose requests are translated as the device's requests without one.</summary>
public sealed class SystemPasid : IDisposable
{
    private readonly SystemPasids _pasids;
    private readonly Endpoint _device;
    private int _isDisposed;

    internal SystemPasid(SystemPasids pasids, Endpoint device, Pasid value) =>
        (_pasids, _device, Value) = (pasids, device, value);

    /// <summary>What the device is told to send.</summary>
    public Pasid Value { get; }

    /// <summary>
    /// Gives it back. After the last one of a device no request with the PASID goes through, none is under way, and the
    /// PASID is free. The driver has stopped its device's use of it before.
    /// </summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) == 0) _pasids.Release(_device);
    }
}
